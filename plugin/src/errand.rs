//! A piece of work on a thread of its own, whose result the window takes when it is there: what blocks or takes long.
use parking_lot::Mutex;
use std::sync::Arc;

/// One errand at a time; a new one makes the result of the old one unheard.
pub struct Errand<T>(Option<Arc<Mutex<Option<T>>>>);

impl<T> Default for Errand<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Send + 'static> Errand<T> {
    /// Starts on some work; `name` is the thread's.
    pub fn start(&mut self, name: &str, work: impl FnOnce() -> T + Send + 'static) -> Result<(), String> {
        let result = Arc::new(Mutex::new(None));
        self.0 = Some(result.clone());
        let spawned = std::thread::Builder::new().name(name.into()).spawn(move || {
            let done = work();
            *result.lock() = Some(done);
        });
        spawned.map_or_else(
            |error| {
                self.0 = None;
                Err(format!("no thread for the {name} ({error}); close what else runs and try again"))
            },
            |_| Ok(()),
        )
    }

    /// Is it under way?
    pub fn is_out(&self) -> bool {
        self.0.is_some()
    }

    /// What came back, once.
    pub fn take(&mut self) -> Option<T> {
        let back = self.0.as_ref()?.lock().take()?;
        self.0 = None;
        Some(back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn wait<T: Send + 'static>(errand: &mut Errand<T>) -> T {
        loop {
            match errand.take() {
                Some(result) => return result,
                None => std::thread::yield_now(),
            }
        }
    }

    #[test]
    fn a_result_comes_back_once() {
        let mut errand = Errand::default();
        assert!(!errand.is_out() && errand.take().is_none());
        errand.start("test", || 7).unwrap();
        assert!(errand.is_out());
        assert_eq!(wait(&mut errand), 7);
        assert!(!errand.is_out() && errand.take().is_none());
    }

    #[test]
    fn the_last_errand_is_the_one_that_is_heard() {
        let (go, wait_for_go) = channel::<()>();
        let mut errand = Errand::default();
        let slow = move || {
            let _ = wait_for_go.recv();
            "first"
        };
        errand.start("slow", slow).unwrap();
        errand.start("quick", || "second").unwrap();
        go.send(()).unwrap();
        assert_eq!(wait(&mut errand), "second");
    }
}
