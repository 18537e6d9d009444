//! The sixteen MIDI channels together, and what the notes of each hear of it and of its zone.
use super::channel::{Channel, Request};
use super::event::CHANNELS;
use super::zones::Zones;

/// Widest bend range in semitones; MPE allows 96.
pub const MAX_BEND_SEMITONES: f32 = 96.0;

/// What one note hears of its own channel. In a zone it is the note's alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Own {
    /// Semitones.
    pub bend_semitones: f32,
    /// 0..1.
    pub pressure: f32,
    /// 0..1 with its middle at 0.5.
    pub slide: f32,
}

/// What one note hears of the channel that speaks for all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shared {
    /// Semitones of the zone's leader; 0 outside of zones.
    pub bend_semitones: f32,
    /// Pressure of the zone's leader, 0..1; 0 outside of zones.
    pub pressure: f32,
    /// Slide of the zone's leader from its middle, -0.5..0.5; 0 outside of zones.
    pub slide: f32,
    /// Linear.
    pub gain: f32,
    /// 0..1.
    pub vibrato: f32,
    /// -1..1.
    pub pan: f32,
}

/// All channels.
#[derive(Clone, Debug)]
pub struct Channels {
    /// By MIDI's number, from 0.
    channels: [Channel; CHANNELS],
    /// Which of them are members of whom.
    zones: Zones,
    /// Bend range of a channel and of a member as the player set them, in semitones.
    bend_ranges_semitones: [f32; 2],
    /// Did the player switch MPE on?
    mpe: bool,
}

impl Channels {
    /// Nothing was ever sent.
    pub fn new() -> Self {
        Self {
            channels: [Channel::NEW; CHANNELS],
            zones: Zones::default(),
            bend_ranges_semitones: [2.0, 48.0],
            mpe: false,
        }
    }

    /// Takes the player's settings; a range or switch that changes overrules what messages said. Returns whether the
    /// zones are new.
    pub fn adopt(&mut self, mpe: bool, bend_range_semitones: f32, member_range_semitones: f32) -> bool {
        let ranges = [bend_range_semitones, member_range_semitones];
        if ranges != self.bend_ranges_semitones {
            self.bend_ranges_semitones = ranges;
            self.channels.iter_mut().for_each(|channel| channel.bend_range_semitones = None);
        }
        let switched = mpe != self.mpe;
        if switched {
            self.mpe = mpe;
            self.zones = if mpe { Zones::lower() } else { Zones::default() };
            self.channels.iter_mut().for_each(Channel::forget_role);
        }
        switched
    }

    /// The zones as they are.
    pub fn zones(&self) -> &Zones {
        &self.zones
    }

    /// A channel's bend, -1..1 of its range.
    pub fn bend(&mut self, channel: u8, bend: f32) {
        self.channel(channel).bend = bend.clamp(-1.0, 1.0);
    }

    /// A channel's pressure, 0..1.
    pub fn pressure(&mut self, channel: u8, pressure: f32) {
        self.channel(channel).pressure = pressure.clamp(0.0, 1.0);
    }

    /// A controller, 0..1; what it asks of the voices comes back.
    pub fn control(&mut self, sender: u8, controller: u8, value: f32) -> Request {
        match self.channel(sender).control(controller, value) {
            Request::BendRange { whole, bits } => {
                let before = self.bend_range_semitones(sender);
                let bits = f32::from(bits);
                let range = if whole { bits + before.fract() } else { before.floor() + bits.min(99.0) / 100.0 };
                for sibling in self.zones.siblings(sender) {
                    self.channels[sibling].bend_range_semitones = Some(range.min(MAX_BEND_SEMITONES));
                }
                Request::None
            }
            Request::Zone { members } => {
                let before = self.zones;
                self.zones.configure(sender, members);
                if self.zones == before {
                    return Request::None;
                }
                self.channels.iter_mut().for_each(Channel::forget_role);
                Request::NewZones
            }
            other => other,
        }
    }

    /// Does a pedal hold notes of this channel?
    pub fn sustains(&self, channel: u8) -> bool {
        let down = |channel: u8| self.channels[usize::from(channel)].sustain;
        down(channel) || self.zones.leader(channel).is_some_and(down)
    }

    /// What notes of a channel hear of it.
    pub fn own(&self, channel: u8) -> Own {
        let Channel { pressure, slide, .. } = self.channels[usize::from(channel)];
        Own { bend_semitones: self.bend_semitones(channel), pressure, slide }
    }

    /// What notes of a channel hear from whoever speaks for it.
    pub fn shared(&self, channel: u8) -> Shared {
        // Levels follow General MIDI 2: 40 dB a decade of the controller.
        let gain = |c: &Channel| (c.volume * c.expression).powi(2);
        let own = &self.channels[usize::from(channel)];
        let mut shared = Shared {
            bend_semitones: 0.0,
            pressure: 0.0,
            slide: 0.0,
            gain: gain(own),
            vibrato: own.vibrato,
            pan: own.pan,
        };
        if let Some(number) = self.zones.leader(channel) {
            let leader = &self.channels[usize::from(number)];
            shared.bend_semitones = self.bend_semitones(number);
            shared.pressure = leader.pressure;
            shared.slide = leader.slide - 0.5;
            shared.gain *= gain(leader);
            shared.vibrato = shared.vibrato.max(leader.vibrato);
            shared.pan = (shared.pan + leader.pan).clamp(-1.0, 1.0);
        }
        shared
    }

    fn bend_range_semitones(&self, channel: u8) -> f32 {
        let player = self.bend_ranges_semitones[usize::from(self.zones.leader(channel).is_some())];
        self.channels[usize::from(channel)].bend_range_semitones.unwrap_or(player)
    }

    fn bend_semitones(&self, channel: u8) -> f32 {
        self.channels[usize::from(channel)].bend * self.bend_range_semitones(channel)
    }

    /// Events are checked before they come here; the remainder only tells the compiler.
    fn channel(&mut self, channel: u8) -> &mut Channel {
        &mut self.channels[usize::from(channel) % CHANNELS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn midi(channels: &mut Channels, sender: u8, messages: &[(u8, u8)]) -> Request {
        messages.iter().fold(Request::None, |_, (controller, value)| {
            channels.control(sender, *controller, f32::from(*value) / 127.0)
        })
    }

    #[test]
    fn a_bend_goes_as_far_as_the_player_or_the_last_message_says() {
        let mut channels = Channels::new();
        channels.bend(3, 0.5);
        assert_eq!(channels.own(3).bend_semitones, 1.0);
        channels.adopt(false, 12.0, 48.0);
        assert_eq!(channels.own(3).bend_semitones, 6.0);
        midi(&mut channels, 3, &[(101, 0), (100, 0), (6, 7), (38, 50)]);
        assert_eq!(channels.own(3).bend_semitones, 3.75);
        channels.bend(4, 0.5);
        assert_eq!(channels.own(4).bend_semitones, 6.0);
        channels.adopt(false, 24.0, 48.0);
        assert_eq!(channels.own(3).bend_semitones, 12.0);
    }

    #[test]
    fn data_for_an_unregistered_parameter_changes_nothing() {
        let mut channels = Channels::new();
        channels.bend(0, 1.0);
        midi(&mut channels, 0, &[(101, 0), (100, 0), (99, 1), (98, 2), (6, 20)]);
        assert_eq!(channels.own(0).bend_semitones, 2.0);
        midi(&mut channels, 0, &[(101, 127), (100, 127), (6, 20)]);
        assert_eq!(channels.own(0).bend_semitones, 2.0);
    }

    #[test]
    fn a_configuration_message_makes_a_zone_whose_leader_moves_all() {
        let mut channels = Channels::new();
        assert_eq!(midi(&mut channels, 0, &[(101, 0), (100, 6), (6, 4)]), Request::NewZones);
        channels.bend(2, 0.5);
        channels.bend(0, 1.0);
        assert_eq!((channels.own(2).bend_semitones, channels.shared(2).bend_semitones), (24.0, 2.0));
        assert_eq!((channels.own(3).bend_semitones, channels.shared(3).bend_semitones), (0.0, 2.0));
        assert_eq!(channels.shared(5).bend_semitones, 0.0);
        // A range on one member holds for all of them.
        midi(&mut channels, 4, &[(101, 0), (100, 0), (6, 24), (38, 0)]);
        assert_eq!(channels.own(2).bend_semitones, 12.0);
    }

    #[test]
    fn a_new_zone_begins_with_straight_bends_and_mpes_ranges() {
        let mut channels = Channels::new();
        midi(&mut channels, 2, &[(101, 0), (100, 0), (6, 12), (64, 127), (7, 0)]);
        channels.bend(2, 1.0);
        midi(&mut channels, 0, &[(101, 0), (100, 6), (6, 15)]);
        assert_eq!((channels.own(2).bend_semitones, channels.sustains(2), channels.shared(2).gain), (0.0, false, 0.0));
        channels.bend(2, 1.0);
        assert_eq!(channels.own(2).bend_semitones, 48.0);
        // The same message once more, as controllers send when they wake, changes nothing.
        assert_eq!(midi(&mut channels, 0, &[(101, 0), (100, 6), (6, 15)]), Request::None);
        assert_eq!(channels.own(2).bend_semitones, 48.0);
    }

    #[test]
    fn the_players_switch_makes_and_ends_the_zone() {
        let mut channels = Channels::new();
        assert!(channels.adopt(true, 2.0, 48.0));
        assert!(!channels.adopt(true, 2.0, 48.0));
        assert_eq!(channels.zones().leader(9), Some(0));
        assert!(channels.adopt(false, 2.0, 48.0));
        assert_eq!(channels.zones().leader(9), None);
    }

    #[test]
    fn a_leaders_pedal_holds_its_members() {
        let mut channels = Channels::new();
        channels.adopt(true, 2.0, 48.0);
        assert_eq!(midi(&mut channels, 0, &[(64, 127)]), Request::None);
        assert!(channels.sustains(0) && channels.sustains(9));
        assert_eq!(midi(&mut channels, 0, &[(64, 63)]), Request::SustainUp);
        assert!(!channels.sustains(9));
    }

    #[test]
    fn resetting_controllers_lifts_pedals_and_keeps_volume_brightness_and_range() {
        let mut channels = Channels::new();
        midi(&mut channels, 1, &[(101, 0), (100, 0), (6, 12), (7, 64), (64, 127), (1, 90), (74, 3)]);
        channels.bend(1, 1.0);
        midi(&mut channels, 1, &[(121, 0)]);
        assert!(!channels.sustains(1));
        let (own, shared) = (channels.own(1), channels.shared(1));
        assert_eq!((own.bend_semitones, own.slide, shared.vibrato), (0.0, 3.0 / 127.0, 0.0));
        assert!((shared.gain - (64.0f32 / 127.0).powi(2)).abs() < 1e-6);
        channels.bend(1, 1.0);
        assert_eq!(channels.own(1).bend_semitones, 12.0);
    }

    #[test]
    fn the_middle_of_the_pan_controller_is_the_centre() {
        let mut channels = Channels::new();
        for (value, pan) in [(64, 0.0), (127, 1.0), (1, -1.0), (0, -1.0)] {
            midi(&mut channels, 0, &[(10, value)]);
            assert_eq!(channels.shared(0).pan, pan);
        }
    }
}
