//! How clean a note of the wavetable sounds behind everything: voice, filter, level, body.
//!
//! Measured with --nocapture: the worst numbers are printed.
#[path = "wavetable_sound/spectrum.rs"]
mod spectrum;

use kernels::voices::{Note, NoteEvent, TimedEvent};
use kernels::wavetable::{Engine, Knobs, Wavetable, example};
use spectrum::{Analyser, LENGTH};
use std::sync::Arc;

/// What may lie between the harmonics, of their power.
const CLEAN_DB: f64 = -90.0;
/// Samples before the measurement: attack, body and filter have settled.
const SETTLE: usize = 24_000;

fn held(model: &Arc<Wavetable>, rate_hz: f64, key: u8, change: fn(&mut Knobs)) -> Vec<f32> {
    let mut engine = Engine::new(model.clone(), rate_hz, 4).unwrap();
    let mut knobs = Knobs::new(engine.model().info());
    change(&mut knobs);
    let note = Note { channel: 0, key, voice_id: None };
    let on = TimedEvent { offset_samples: 0, event: NoteEvent::On { note, velocity: 1.0 } };
    let mut sound = vec![0.0; SETTLE + LENGTH];
    for (n, block) in sound.chunks_mut(480).enumerate() {
        engine.process(&knobs, if n == 0 { std::slice::from_ref(&on) } else { &[] }, &mut [block]);
    }
    sound.split_off(SETTLE)
}

type Patch = (&'static str, fn(&mut Knobs));

#[test]
fn held_notes_have_no_alias_no_mean_and_the_right_pitch_behind_everything() {
    let model = Arc::new(Wavetable::load(&example::file().unwrap()).unwrap());
    let mut analyser = Analyser::new();
    let patches: [Patch; 3] = [
        ("open", |_| {}),
        ("filter", |k| (k.filter.cutoff_hz, k.filter.resonance, k.filter.keytrack) = (800.0, 0.7, 1.0)),
        ("body", |k| (k.body, k.values[0], k.values[1]) = (1.0, 0.7, 40.0)),
    ];
    for (name, change) in patches {
        let (mut alias_db, mut mean_db, mut cents) = (f64::MIN, f64::MIN, 0.0f64);
        for rate_hz in [44_100.0, 48_000.0, 96_000.0] {
            for key in (24..=108).step_by(7) {
                let frequency_hz = 440.0 * ((f64::from(key) - 69.0) / 12.0).exp2();
                let sound = held(&model, rate_hz, key, change);
                let found = analyser.measure(&sound, frequency_hz / rate_hz);
                assert!(found.between_db <= CLEAN_DB, "{name}, key {key} at {rate_hz} Hz: {} dB", found.between_db);
                assert!(found.mean_db < -80.0, "{name}, key {key} at {rate_hz} Hz: mean {} dB", found.mean_db);
                assert!(found.cents.abs() < 0.1, "{name}, key {key} at {rate_hz} Hz: {} cents", found.cents);
                (alias_db, mean_db) = (alias_db.max(found.between_db), mean_db.max(found.mean_db));
                cents = cents.max(found.cents.abs());
            }
        }
        println!("{name}: worst between harmonics {alias_db:.1} dB, mean {mean_db:.1} dB, pitch {cents:.1e} cents");
    }
}
