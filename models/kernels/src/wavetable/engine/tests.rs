//! The instrument as it is played.
