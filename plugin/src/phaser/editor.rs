//! The panel in a window: gathers the view, carries out what the user did.
use super::PhaserPlugin;
use super::panel::{self, View};
use super::params::PhaserParams;
use crate::models::{Loader, Status};
use crate::project::InstrumentParams;
use crate::scope::Scope;
use crate::shell::{self, Shell};
use crate::ui::response::frequencies_hz;
use kernels::phaser::{Controls, Phaser, Probe};
use nice_plug::context::gui::GuiContext;
use nice_plug::prelude::*;
use nice_plug_egui::{EguiEditor, Frame, NiceEguiApp, RepaintNotifier};
use std::sync::Arc;

/// Factory presets as built in, in the order of the list.
pub const FACTORY_PRESETS: [&str; 14] = [
    include_str!("../../../assets/presets/phaser/01 Pedal at noon.json"),
    include_str!("../../../assets/presets/phaser/02 Slow tide.json"),
    include_str!("../../../assets/presets/phaser/03 Electric piano 1975.json"),
    include_str!("../../../assets/presets/phaser/04 Colour on, slow.json"),
    include_str!("../../../assets/presets/phaser/05 Colour on, quick.json"),
    include_str!("../../../assets/presets/phaser/06 Wide drift.json"),
    include_str!("../../../assets/presets/phaser/07 Opposite ears.json"),
    include_str!("../../../assets/presets/phaser/08 Rotary speed.json"),
    include_str!("../../../assets/presets/phaser/09 One bar, in step.json"),
    include_str!("../../../assets/presets/phaser/10 Dotted eighths.json"),
    include_str!("../../../assets/presets/phaser/11 Shallow chorus.json"),
    include_str!("../../../assets/presets/phaser/12 Half mixed vibe.json"),
    include_str!("../../../assets/presets/phaser/13 Note by note.json"),
    include_str!("../../../assets/presets/phaser/14 Parked notch.json"),
];

/// The window's side of one instance.
pub struct PhaserEditor {
    shell: Shell<PhaserParams, Phaser>,
    /// Measures the response of the model that it was made for.
    probe: Option<(Arc<Phaser>, Probe)>,
    /// The sweep over a turn of the LFO, and the controls that it was measured for.
    shape: Option<(Controls, Vec<f32>)>,
}

/// Makes the window for an instance.
pub fn create(
    params: Arc<PhaserParams>,
    loader: Loader<Phaser>,
    scope: Arc<Scope>,
    repaint: RepaintNotifier,
) -> Option<EguiEditor<PhaserEditor>> {
    let zoom = *params.project.zoom.lock();
    let shell = Shell::new::<PhaserPlugin>(params, loader, scope, &FACTORY_PRESETS);
    shell::window(PhaserPlugin::NAME, zoom, repaint, PhaserEditor { shell, probe: None, shape: None })
}

impl NiceEguiApp for PhaserEditor {
    fn build(
        &mut self,
        context: egui::Context,
        gui: GuiContext,
        _frame: &mut Frame,
    ) -> Result<(), nice_plug_egui::baseview::HandlerError> {
        self.shell.open(&context, gui);
        Ok(())
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut Frame) {
        let view = self.view();
        let actions = panel::panel(ui, &view);
        self.shell.carry_out(&actions.edits, &actions.bar, ui, frame);
    }
}

impl PhaserEditor {
    fn view(&mut self) -> View {
        let status = self.shell.loader.status();
        let reading = self.shell.scope.read();
        let info = status.model.as_ref().map(|model| model.info());
        let curves_db = self.curves(&status, &reading.phases_turns[..(reading.channels as usize).min(2)]);
        View {
            params: self.shell.params.views(info),
            bar: self.shell.bar(&status),
            model_rate_hz: info.map_or(0.0, |info| info.sample_rate_hz),
            reading,
            curves_db,
            shape: self.shape.as_ref().map_or_else(Vec::new, |(_, shape)| shape.clone()),
            error: self.shell.error(&status),
        }
    }

    /// The response of each channel where its sweep stands, measured from the model that plays; the shape of the whole sweep is
    /// measured anew when a knob has moved.
    fn curves(&mut self, status: &Status<Phaser>, phases_turns: &[f32]) -> Vec<Vec<f32>> {
        let Some(model) = &status.model else { return Vec::new() };
        if !self.probe.as_ref().is_some_and(|(of, _)| Arc::ptr_eq(of, model)) {
            self.probe = Some((model.clone(), Probe::new(model)));
            self.shape = None;
        }
        let Some((_, probe)) = &mut self.probe else { return Vec::new() };
        let (controls, frequencies) = (self.shell.params.controls(model.info()), frequencies_hz());
        if self.shape.as_ref().is_none_or(|(of, _)| *of != controls) {
            let shape = probe.sweep(model, &controls, &frequencies);
            self.shape = Some((controls, shape.to_vec()));
        }
        let mut curve = |phase: &f32| {
            let mut db = vec![0.0; frequencies.len()];
            probe.response_db(model, &controls, f64::from(*phase), &frequencies, &mut db);
            db
        };
        phases_turns.iter().map(&mut curve).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::assert_loads_whole;

    #[test]
    fn every_factory_preset_loads_whole() {
        for text in FACTORY_PRESETS {
            assert_loads_whole(text, PhaserPlugin::CLAP_ID, &PhaserParams::defaults());
        }
    }
}
