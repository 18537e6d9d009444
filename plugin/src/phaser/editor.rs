//! The panel in a window: gathers the view, carries out what the user did.
use super::PhaserPlugin;
use super::align::{Aligned, Pair, read_and_align};
use super::panel::{self, View};
use super::params::{LfoMode, PhaserParams};
use crate::errand::Errand;
use crate::models::{Loader, Status};
use crate::project::InstrumentParams;
use crate::scope::Scope;
use crate::shell::{self, Shell};
use crate::ui::response::frequencies_hz;
use crate::ui::top_bar::{SOUNDS, TopBarAction, TopBarView};
use kernels::phaser::{Controls, Phaser, Probe};
use nice_plug::context::gui::GuiContext;
use nice_plug::prelude::*;
use nice_plug_egui::{EguiEditor, Frame, NiceEguiApp, RepaintNotifier};
use std::path::PathBuf;
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
    /// The dialogs that ask for a dry and a wet sound.
    choosing: Errand<Option<Pair>>,
    /// The search for the LFO of a recording.
    aligning: Errand<Result<Aligned, String>>,
    /// Where the recording lies in the song, in seconds.
    recording_s: f64,
    /// What became of it, for the panel.
    said: String,
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
    let editor = PhaserEditor {
        shell,
        probe: None,
        shape: None,
        choosing: Errand::default(),
        aligning: Errand::default(),
        recording_s: 0.0,
        said: String::new(),
    };
    shell::window(PhaserPlugin::NAME, zoom, repaint, editor)
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
        for action in &actions.bar {
            if let TopBarAction::DropSounds(paths) = action {
                self.drop_sounds(paths);
            }
        }
        if actions.align {
            self.choose();
        }
        if let Some(Some(pair)) = self.choosing.take() {
            self.align(pair);
        }
        self.hear();
    }
}

/// Asks for the dry sound, then for the wet one.
fn ask() -> Option<Pair> {
    let pick = |title| rfd::FileDialog::new().set_title(title).add_filter("Sound", &SOUNDS).pick_file();
    Some(Pair::Named { dry: pick("The dry sound")?, wet: pick("What the hardware made of it")? })
}

impl PhaserEditor {
    fn choose(&mut self) {
        if let Err(error) = self.choosing.start("file dialog", ask) {
            self.shell.complain(error);
        }
    }

    fn drop_sounds(&mut self, paths: &[PathBuf]) {
        match paths {
            [a, b] => self.align(Pair::Dropped([a.clone(), b.clone()])),
            _ => self.shell.complain(format!(
                "{} sound(s) dropped: drop two together, the dry one and what the hardware made of it, or use Align...",
                paths.len()
            )),
        }
    }

    /// Begins to look for the LFO of a recording that lies where the song rests.
    fn align(&mut self, pair: Pair) {
        let Some(model) = self.shell.loader.status().model else { return };
        let controls = self.shell.params.controls(model.info());
        self.recording_s = self.shell.scope.song_rest_s();
        self.said = "listening to the recording ...".into();
        if let Err(error) = self.aligning.start("aligner", move || read_and_align(&pair, &model, &controls)) {
            self.fail(error);
        }
    }

    /// Sets rate, phase and mode when the LFO is found.
    fn hear(&mut self) {
        match self.aligning.take() {
            Some(Ok(found)) if self.shell.loader.status().model.is_some_and(|now| Arc::ptr_eq(&now, &found.model)) => {
                let lfo = &self.shell.params.lfo;
                let rate = lfo.rate.preview_normalized(found.rate_hz as f32);
                // What the knob makes of it is what the phase must reckon with.
                let rate_hz = f64::from(lfo.rate.preview_plain(rate));
                let degrees = 360.0 * found.song_turns(rate_hz, self.recording_s);
                let phase = lfo.phase.preview_normalized(degrees as f32);
                let mode = lfo.mode.preview_normalized(LfoMode::Song);
                self.shell.set(&[("rate", rate), ("phase", phase), ("lfo_mode", mode)]);
                self.said = found.line(rate_hz, self.recording_s);
            }
            Some(Ok(found)) => self.fail(format!("{}: another model plays now; align again for it", found.wet)),
            Some(Err(error)) => self.fail(error),
            None => {}
        }
    }

    fn fail(&mut self, error: String) {
        self.said.clear();
        self.shell.complain(error);
    }

    fn view(&mut self) -> View {
        let status = self.shell.loader.status();
        let reading = self.shell.scope.read();
        let info = status.model.as_ref().map(|model| model.info());
        let curves_db = self.curves(&status, &reading.phases_turns[..(reading.channels as usize).min(2)]);
        View {
            params: self.shell.params.views(info),
            bar: TopBarView {
                sound_help: Some("Drop a dry and a wet sound together to play in step with the recording"),
                ..self.shell.bar(&status)
            },
            model_rate_hz: info.map_or(0.0, |info| info.sample_rate_hz),
            reading,
            curves_db,
            shape: self.shape.as_ref().map_or_else(Vec::new, |(_, shape)| shape.clone()),
            can_align: status.model.is_some() && !self.choosing.is_out() && !self.aligning.is_out(),
            aligned: self.said.clone(),
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
