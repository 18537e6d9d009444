//! The panel in a window: gathers the view, carries out what the user did.
use super::panel::{self, View};
use super::params::SoundModelParams;
use super::{DOT, Live, SoundModelPlugin};
use crate::models::Loader;
use crate::player::PanelKeys;
use crate::project::InstrumentParams;
use crate::scope::Scope;
use crate::shell::{self, Shell};
use crate::ui::pad::{Dot, Map};
use kernels::sound_model::SoundModel;
use nice_plug::context::gui::GuiContext;
use nice_plug::prelude::*;
use nice_plug_egui::{EguiEditor, Frame, NiceEguiApp, RepaintNotifier};
use std::collections::VecDeque;
use std::sync::Arc;

/// How long a voice leaves a trail, in seconds.
const TRAIL_S: f64 = 2.0;

/// Factory presets as built in, in the order of the list.
pub const FACTORY_PRESETS: [&str; 14] = [
    include_str!("../../../assets/presets/sound_model/01 Plain reed.json"),
    include_str!("../../../assets/presets/sound_model/02 Sax lead.json"),
    include_str!("../../../assets/presets/sound_model/03 Between reed and sax.json"),
    include_str!("../../../assets/presets/sound_model/04 Timbre under the finger.json"),
    include_str!("../../../assets/presets/sound_model/05 Slow ensemble.json"),
    include_str!("../../../assets/presets/sound_model/06 Plucked reed.json"),
    include_str!("../../../assets/presets/sound_model/07 Low pipes.json"),
    include_str!("../../../assets/presets/sound_model/08 The paper's network.json"),
    include_str!("../../../assets/presets/sound_model/09 Uncertain reed.json"),
    include_str!("../../../assets/presets/sound_model/10 Brass and reed.json"),
    include_str!("../../../assets/presets/sound_model/11 Muted brass.json"),
    include_str!("../../../assets/presets/sound_model/12 From brass to reed.json"),
    include_str!("../../../assets/presets/sound_model/13 Moving texture.json"),
    include_str!("../../../assets/presets/sound_model/14 Drops.json"),
];

/// The window's side of one instance.
pub struct SoundModelEditor {
    shell: Shell<SoundModelParams, SoundModel>,
    live: Arc<Live>,
    panel_keys: Arc<PanelKeys>,
    /// Where voices were, and when, in seconds; oldest first.
    trail: VecDeque<(Dot, f64)>,
}

/// Makes the window for an instance.
pub fn create(
    params: Arc<SoundModelParams>,
    loader: Loader<SoundModel>,
    scope: Arc<Scope>,
    live: Arc<Live>,
    panel_keys: Arc<PanelKeys>,
    repaint: RepaintNotifier,
) -> Option<EguiEditor<SoundModelEditor>> {
    let zoom = *params.project.zoom.lock();
    let shell = Shell::new::<SoundModelPlugin>(params, loader, scope, &FACTORY_PRESETS);
    let editor = SoundModelEditor { shell, live, panel_keys, trail: VecDeque::new() };
    shell::window(SoundModelPlugin::NAME, zoom, repaint, editor)
}

impl NiceEguiApp for SoundModelEditor {
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
        let view = self.view(ui.input(|i| i.time));
        let actions = panel::panel(ui, &view);
        actions.keys.iter().for_each(|press| self.panel_keys.press(*press));
        self.shell.carry_out(&actions.edits, &actions.bar, ui, frame);
    }
}

impl SoundModelEditor {
    fn view(&mut self, now_s: f64) -> View {
        let status = self.shell.loader.status();
        let info = status.model.as_ref().map(|model| model.info());
        let dots: Vec<Dot> =
            self.live.dots.get().chunks(DOT).map(|dot| Dot { at: [dot[0], dot[1]], level: dot[2] }).collect();
        self.trail.extend(dots.iter().filter(|dot| dot.level > 0.0).map(|dot| (*dot, now_s)));
        while self.trail.front().is_some_and(|(_, then_s)| now_s - then_s > TRAIL_S) {
            self.trail.pop_front();
        }
        View {
            params: self.shell.params.views(info),
            bar: self.shell.bar(&status),
            model_rate_hz: info.map_or(0.0, |info| info.sample_rate_hz),
            map: Map::parse(info.and_then(|info| info.metadata.get("map"))),
            trail: self.trail.iter().map(|(dot, then_s)| (*dot, ((now_s - then_s) / TRAIL_S) as f32)).collect(),
            dots,
            wave: self.live.wave.get().to_vec(),
            trained: info.and_then(shell::trained_notes),
            error: self.shell.error(&status),
            reading: self.shell.scope.read(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::assert_loads_whole;
    use crate::sound_model::FACTORY_MODELS;

    #[test]
    fn every_factory_preset_loads_whole_and_its_model_is_built_in() {
        for text in FACTORY_PRESETS {
            let preset = assert_loads_whole(text, SoundModelPlugin::CLAP_ID, &SoundModelParams::defaults());
            let model = preset.model.as_deref().unwrap_or(FACTORY_MODELS[0].0);
            assert!(FACTORY_MODELS.iter().any(|(name, _)| *name == model), "{}: {model}", preset.name);
        }
    }
}
