//! The keys that are held while one voice sounds for all of them.
use super::channels::Channels;
use super::event::Note;

/// Keys that are remembered; more fingers than a player has.
const MAX_HELD: usize = 32;

/// A note and what holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    /// The note.
    pub note: Note,
    /// 0..1.
    pub velocity: f32,
    /// How many notes were begun before it.
    pub number: u64,
    /// Is a finger on the key?
    pub key_down: bool,
    /// Does the sostenuto pedal hold it?
    pub captured: bool,
}

impl Held {
    /// Is there a finger or a pedal?
    pub fn is_held(&self, channels: &Channels) -> bool {
        self.key_down || self.captured || channels.sustains(self.note.channel)
    }
}

/// Which of the held keys sounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// The one pressed last.
    #[default]
    Last,
    /// The highest.
    High,
    /// The lowest.
    Low,
}

/// Held keys, in the order in which they were pressed.
#[derive(Clone, Debug)]
pub struct Keys {
    /// At most [`MAX_HELD`].
    held: Vec<Held>,
}

impl Keys {
    /// No key; allocates.
    pub fn new() -> Self {
        Self { held: Vec::with_capacity(MAX_HELD) }
    }

    /// Adds a key; one that was down already is pressed anew. The oldest of too many is forgotten.
    pub fn press(&mut self, key: Held) {
        self.retain(|held| (held.note.channel, held.note.key) != (key.note.channel, key.note.key));
        if self.held.len() == MAX_HELD {
            self.held.remove(0);
        }
        self.held.push(key);
    }

    /// Keeps some.
    pub fn retain(&mut self, keep: impl FnMut(&Held) -> bool) {
        self.held.retain(keep);
    }

    /// Changes them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Held> {
        self.held.iter_mut()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.held.clear();
    }

    /// Is none held?
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The key that sounds.
    pub fn top(&self, priority: Priority) -> Option<&Held> {
        match priority {
            Priority::Last => self.held.last(),
            Priority::High => self.held.iter().max_by_key(|held| (held.note.key, held.number)),
            Priority::Low => self.held.iter().min_by_key(|held| (held.note.key, u64::MAX - held.number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(keys: &mut Keys, number: u64, key: u8) {
        let note = Note { channel: 0, key, voice_id: None };
        keys.press(Held { note, velocity: 1.0, number, key_down: true, captured: false });
    }

    fn top(keys: &Keys, priority: Priority) -> Option<u8> {
        keys.top(priority).map(|held| held.note.key)
    }

    #[test]
    fn the_last_highest_or_lowest_key_sounds() {
        let mut keys = Keys::new();
        assert_eq!(top(&keys, Priority::Last), None);
        for (number, key) in [(0, 60), (1, 67), (2, 55), (3, 64)] {
            press(&mut keys, number, key);
        }
        let tops = [Priority::Last, Priority::High, Priority::Low].map(|priority| top(&keys, priority));
        assert_eq!(tops, [Some(64), Some(67), Some(55)]);
        keys.retain(|held| held.note.key != 64);
        assert_eq!(top(&keys, Priority::Last), Some(55));
    }

    #[test]
    fn a_key_pressed_anew_is_the_last() {
        let mut keys = Keys::new();
        for (number, key) in [(0, 60), (1, 67), (2, 60)] {
            press(&mut keys, number, key);
        }
        assert_eq!(top(&keys, Priority::Last), Some(60));
        keys.retain(|held| held.note.key != 60);
        assert_eq!(top(&keys, Priority::Last), Some(67));
    }

    #[test]
    fn of_too_many_keys_the_oldest_is_forgotten() {
        let mut keys = Keys::new();
        (0..=MAX_HELD as u8).for_each(|key| press(&mut keys, key.into(), key));
        assert_eq!(top(&keys, Priority::Low), Some(1));
        assert_eq!(keys.held.capacity(), MAX_HELD);
    }
}
