//! A boxed value to the audio thread and the old one back: no lock, no allocation and no free on the audio side.
use crossbeam::atomic::AtomicCell;
use std::sync::atomic::{AtomicBool, Ordering};

/// One pointer in each direction. The loader offers and collects, the audio thread exchanges.
pub struct Handoff<T> {
    /// The newest value that the audio thread has not taken.
    incoming: AtomicCell<Option<Box<T>>>,
    /// The last value that it gave back.
    retired: AtomicCell<Option<Box<T>>>,
    /// Is there one? A second exchange waits until it is collected, or it would have to free it.
    retired_full: AtomicBool,
    /// Has something been offered and not taken?
    offered: AtomicBool,
}

// One pointer is exchanged in one instruction; anything larger would be a hidden lock.
const _: () = assert!(AtomicCell::<Option<Box<u64>>>::is_lock_free());

impl<T> Default for Handoff<T> {
    fn default() -> Self {
        Self {
            incoming: AtomicCell::new(None),
            retired: AtomicCell::new(None),
            retired_full: AtomicBool::new(false),
            offered: AtomicBool::new(false),
        }
    }
}

impl<T: Send> Handoff<T> {
    /// Loader: gives a new value; one that was never taken is freed here.
    pub fn offer(&self, new: Box<T>) {
        self.collect();
        drop(self.incoming.swap(Some(new)));
        self.offered.store(true, Ordering::Release);
    }

    /// Host's main thread, while no audio runs: takes back what was offered for another sample rate.
    pub fn withdraw(&self) {
        self.offered.store(false, Ordering::Release);
        drop(self.incoming.take());
    }

    /// Loader: frees what came back.
    pub fn collect(&self) {
        if self.retired_full.load(Ordering::Acquire) {
            drop(self.retired.take());
            self.retired_full.store(false, Ordering::Release);
        }
    }

    /// Audio: would [`Self::exchange`] succeed? Takes nothing, so that the old value can fade out first.
    pub fn is_waiting(&self) -> bool {
        self.offered.load(Ordering::Acquire) && !self.retired_full.load(Ordering::Acquire)
    }

    /// Audio: takes the new value in place of `current` if there is one; wait-free.
    pub fn exchange(&self, current: &mut Box<T>) -> bool {
        if self.retired_full.load(Ordering::Acquire) {
            return false;
        }
        // Cleared before the take: an offer in between sets it again and is seen by the next call.
        self.offered.store(false, Ordering::Release);
        let Some(new) = self.incoming.take() else { return false };
        self.retired.store(Some(std::mem::replace(current, new)));
        self.retired_full.store(true, Ordering::Release);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Handoff;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::thread::ThreadId;

    /// Notes on which thread it was freed.
    struct Traced(usize, Arc<Mutex<Vec<(usize, ThreadId)>>>);

    impl Drop for Traced {
        fn drop(&mut self) {
            self.1.lock().unwrap().push((self.0, std::thread::current().id()));
        }
    }

    #[test]
    fn a_second_exchange_waits_until_the_first_old_value_is_collected() {
        let freed = Arc::new(Mutex::new(Vec::new()));
        let handoff = Handoff::default();
        let mut current = Box::new(Traced(0, freed.clone()));
        assert!(!handoff.exchange(&mut current));
        handoff.offer(Box::new(Traced(1, freed.clone())));
        assert!(handoff.is_waiting() && handoff.exchange(&mut current));
        assert_eq!((current.0, freed.lock().unwrap().len()), (1, 0));
        // The loader stores before it collects: the audio side must not take, for its old value has nowhere to go.
        handoff.incoming.store(Some(Box::new(Traced(2, freed.clone()))));
        assert!(!handoff.exchange(&mut current));
        assert_eq!(current.0, 1);
        handoff.collect();
        assert!(handoff.exchange(&mut current));
        assert_eq!((current.0, freed.lock().unwrap().len()), (2, 1));
    }

    #[test]
    fn nothing_is_freed_on_the_audio_thread_under_fire() {
        let freed = Arc::new(Mutex::new(Vec::new()));
        let handoff = Arc::new(Handoff::default());
        let (done, exchanges) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let audio = {
            let (handoff, freed, done, exchanges) = (handoff.clone(), freed.clone(), done.clone(), exchanges.clone());
            std::thread::spawn(move || {
                let mut current = Box::new(Traced(0, freed.clone()));
                while !done.load(Ordering::Acquire) {
                    exchanges.fetch_add(usize::from(handoff.exchange(&mut current)), Ordering::Relaxed);
                }
                let id = std::thread::current().id();
                let on_audio = freed.lock().unwrap().iter().filter(|(_, thread)| *thread == id).count();
                (on_audio, current)
            })
        };
        // As long as it takes: on a busy machine the other thread may get no turn for a while.
        let mut offered = 0;
        while offered < 20_000 || exchanges.load(Ordering::Relaxed) < 100 {
            offered += 1;
            handoff.offer(Box::new(Traced(offered, freed.clone())));
        }
        done.store(true, Ordering::Release);
        let (on_audio, current) = audio.join().unwrap();
        assert_eq!(on_audio, 0);
        drop(current);
    }
}
