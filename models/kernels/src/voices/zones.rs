//! MPE zones: which channel carries single notes, and which one speaks for all of them.
//!
//! After the MPE specification (MIDI Association, RP-053): a lower zone is led by the first channel, an upper one by the
//! last; the members lie beside their leader.
use super::event::CHANNELS;

/// Leader of the lower zone, and of the upper one.
const LEADERS: [u8; 2] = [0, 15];
/// Most members of a zone: all channels but the leader.
pub const MAX_MEMBERS: u8 = 15;

/// How many channels belong to each zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zones {
    /// Members of the lower and the upper zone; 0 is no zone.
    members: [u8; 2],
}

impl Zones {
    /// One lower zone over all channels: what controllers send unless told otherwise.
    pub fn lower() -> Self {
        Self { members: [MAX_MEMBERS, 0] }
    }

    /// An MPE configuration message on a channel; only leaders may send it. The newer zone takes what it needs of the other.
    pub fn configure(&mut self, channel: u8, members: u8) {
        let Some(zone) = LEADERS.iter().position(|leader| *leader == channel) else { return };
        let members = members.min(MAX_MEMBERS);
        self.members[zone] = members;
        let other = &mut self.members[1 - zone];
        if members > 0 && *other > 0 {
            // Two leaders leave fourteen channels.
            *other = (*other).min(MAX_MEMBERS - 1 - members.min(MAX_MEMBERS - 1));
        }
    }

    /// The leader of the zone that a channel is a member of.
    pub fn leader(&self, channel: u8) -> Option<u8> {
        let [lower, upper] = self.members;
        match channel {
            1..=15 if channel <= lower => Some(LEADERS[0]),
            0..=14 if channel + upper >= LEADERS[1] => Some(LEADERS[1]),
            _ => None,
        }
    }

    /// Does a message on `sender` concern notes of `channel`?
    pub fn speaks_for(&self, sender: u8, channel: u8) -> bool {
        sender == channel || self.leader(channel) == Some(sender)
    }

    /// The channels that share a channel's bend range: all members of its zone, or itself.
    pub fn siblings(&self, channel: u8) -> impl Iterator<Item = usize> {
        let zones = *self;
        (0..CHANNELS).filter(move |other| {
            let leader = zones.leader(channel);
            *other == usize::from(channel) || (leader.is_some() && zones.leader(*other as u8) == leader)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_zone_is_led_by_the_first_channel() {
        let zones = Zones::lower();
        assert_eq!(zones.leader(0), None);
        assert!((1..16).all(|channel| zones.leader(channel) == Some(0)));
        assert!(zones.speaks_for(0, 7) && zones.speaks_for(7, 7) && !zones.speaks_for(6, 7));
    }

    #[test]
    fn two_zones_share_the_channels_and_the_newer_one_wins() {
        let mut zones = Zones::lower();
        zones.configure(15, 5);
        let leaders: Vec<_> = (0..16).map(|channel| zones.leader(channel)).collect();
        assert_eq!(leaders[0], None);
        assert!(leaders[1..=9].iter().all(|leader| *leader == Some(0)));
        assert!(leaders[10..=14].iter().all(|leader| *leader == Some(15)));
        assert_eq!(leaders[15], None);
        zones.configure(0, 15);
        assert!((1..16).all(|channel| zones.leader(channel) == Some(0)));
        zones.configure(0, 0);
        assert!((0..16).all(|channel| zones.leader(channel).is_none()));
    }

    #[test]
    fn only_a_leader_makes_a_zone() {
        let mut zones = Zones::default();
        zones.configure(3, 4);
        assert_eq!(zones, Zones::default());
    }

    #[test]
    fn members_share_a_bend_range_and_other_channels_do_not() {
        let mut zones = Zones::default();
        zones.configure(0, 3);
        assert_eq!(zones.siblings(2).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(zones.siblings(0).collect::<Vec<_>>(), [0]);
        assert_eq!(zones.siblings(9).collect::<Vec<_>>(), [9]);
    }
}
