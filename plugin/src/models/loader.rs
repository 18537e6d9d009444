//! Loads models for one instance, on a thread that lives as long as it.
//!
//! ```text
//! panel, project --choice--> loader thread --Box<Engine>--> audio thread --old Box--> loader thread (freed)
//! ```
use super::choice::{ModelChoice, ModelSlot, sha256};
use super::library::{Library, Origin};
use super::model::Model;
use crate::handoff::Handoff;
use crossbeam::channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often the thread looks whether a project was restored or an old engine came back.
const LOOK_EVERY: Duration = Duration::from_millis(30);

/// Rate and channels that engines are built for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Format {
    /// Host rate in Hz.
    pub rate_hz: f64,
    /// Channels of the host's layout.
    pub channels: usize,
}

/// What the panel shows of the loading.
pub struct Status<M> {
    /// The model that sounds.
    pub model: Option<Arc<M>>,
    /// Why the last wish was not fulfilled.
    pub error: Option<String>,
    /// Models at hand.
    pub library: Vec<Origin>,
    /// Place of the sounding model among them.
    pub current: Option<usize>,
}

impl<M> Default for Status<M> {
    fn default() -> Self {
        Self { model: None, error: None, library: Vec::new(), current: None }
    }
}

impl<M> Clone for Status<M> {
    fn clone(&self) -> Self {
        let Self { model, error, library, current } = self;
        Self { model: model.clone(), error: error.clone(), library: library.clone(), current: *current }
    }
}

/// State that the loader, its thread and the panel share.
struct Shared<M: Model> {
    slot: Arc<ModelSlot>,
    library: Mutex<Library>,
    status: Mutex<Status<M>>,
    handoff: Handoff<M::Engine>,
    format: Mutex<Option<Format>>,
    /// Set while the project's model is not to be had: no other model sounds in its place.
    missing: AtomicBool,
    /// Last restored project that was acted upon.
    seen: Mutex<u64>,
}

/// Handle of one instance.
pub struct Loader<M: Model> {
    shared: Arc<Shared<M>>,
    /// Wishes for the thread; it ends when the last handle is gone.
    wishes: Sender<Origin>,
}

impl<M: Model> Clone for Loader<M> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), wishes: self.wishes.clone() }
    }
}

impl<M: Model> Loader<M> {
    /// Starts the thread.
    pub fn new(library: Library, slot: Arc<ModelSlot>) -> Self {
        let shared = Arc::new(Shared {
            slot,
            library: Mutex::new(library),
            status: Mutex::default(),
            handoff: Handoff::default(),
            format: Mutex::default(),
            missing: AtomicBool::new(false),
            seen: Mutex::new(u64::MAX),
        });
        let (wishes, received) = bounded(16);
        let thread = shared.clone();
        let spawned =
            std::thread::Builder::new().name("doppel loader".into()).spawn(move || attend(&thread, &received));
        if let Err(error) = spawned {
            shared.status.lock().error = Some(format!("models cannot be changed: no thread for loading ({error})"));
        }
        Self { shared, wishes }
    }

    /// Host's main thread: builds the engine for a new activation, with the project's model.
    pub fn activate(&self, format: Format) -> Result<Box<M::Engine>, String> {
        *self.shared.format.lock() = Some(format);
        self.shared.restore();
        self.shared.handoff.withdraw();
        let model = self.shared.status.lock().model.clone();
        let model = match model {
            Some(model) => model,
            // The project's model is missing: any engine will do, for it is not heard.
            None => Arc::new(self.shared.first()?),
        };
        model.engine(format).map(Box::new)
    }

    /// The way to the audio thread.
    pub fn handoff(&self) -> &Handoff<M::Engine> {
        &self.shared.handoff
    }

    /// Audio: is the project's model not to be had, so that none may sound?
    pub fn is_missing(&self) -> bool {
        self.shared.missing.load(Ordering::Relaxed)
    }

    /// Panel: how things stand.
    pub fn status(&self) -> Status<M> {
        self.shared.status.lock().clone()
    }

    /// Panel: asks for another model.
    pub fn load(&self, origin: Origin) {
        if self.wishes.try_send(origin).is_err() {
            self.shared.status.lock().error = Some("still loading; try again in a moment".into());
        }
    }

    /// Panel: the next or the previous model at hand.
    pub fn step(&self, by: isize) {
        let status = self.status();
        let count = status.library.len() as isize;
        if count > 0 {
            let now = status.current.map_or(0, |c| c as isize);
            self.load(status.library[(now + by).rem_euclid(count) as usize].clone());
        }
    }
}

fn attend<M: Model>(shared: &Shared<M>, wishes: &Receiver<Origin>) {
    shared.library.lock().refresh();
    shared.list();
    loop {
        match wishes.recv_timeout(LOOK_EVERY) {
            Ok(origin) => shared.wish(&origin),
            Err(crossbeam::channel::RecvTimeoutError::Timeout) => {
                shared.handoff.collect();
                if shared.format.lock().is_some() && shared.restore() {
                    shared.send();
                }
            }
            Err(crossbeam::channel::RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl<M: Model> Shared<M> {
    /// The first factory model, which every build holds.
    fn first(&self) -> Result<M, String> {
        let first = self.library.lock().all().into_iter().next().ok_or("this build holds no model")?;
        M::load(&first.bytes()?).map_err(|e| e.to_string())
    }

    /// Loads the model of a project that was restored since the last look; true if another model is to sound.
    fn restore(&self) -> bool {
        let mut seen = self.seen.lock();
        let generation = self.slot.generation();
        if *seen == generation {
            return false;
        }
        *seen = generation;
        let choice = self.slot.get();
        let found = self.bytes(&choice).and_then(|bytes| M::load(&bytes).map_err(|e| e.to_string()));
        match found {
            Ok(model) => {
                self.sounds(Arc::new(model), &choice.sha256);
                true
            }
            Err(error) => {
                self.missing.store(true, Ordering::Relaxed);
                let mut status = self.status.lock();
                (status.error, status.current) = (Some(error), None);
                false
            }
        }
    }

    /// The bytes that a project asks for: its own, those of a model at hand, or the first factory model's for a new one.
    fn bytes(&self, choice: &ModelChoice) -> Result<Vec<u8>, String> {
        if choice.sha256.is_empty() {
            let first = self.library.lock().all().into_iter().next().ok_or("this build holds no model")?;
            return first.bytes();
        }
        if let Some(bytes) = choice.bytes()? {
            return Ok(bytes);
        }
        self.library.lock().refresh();
        self.library.lock().find(&choice.sha256).ok_or_else(|| {
            format!(
                "the model `{}` of this project is not on this computer: load its file ({} until then)",
                choice.name,
                M::WHILE_MISSING
            )
        })
    }

    /// A model from the panel: checked, embedded in the project, sent to the audio thread. What fails leaves the old one.
    fn wish(&self, origin: &Origin) {
        let loaded = origin.bytes().and_then(|bytes| {
            let model = M::load(&bytes).map_err(|e| e.to_string())?;
            if let Some(result) = model.self_test(&bytes).map_err(|e| e.to_string())? && !result.passed() {
                return Err(format!(
                    "its self-test differs by {:.2e}, allowed {:.2e}: the file is damaged or was made for another build",
                    result.error, result.tolerance
                ));
            }
            Ok((model, bytes))
        });
        match loaded {
            Ok((model, bytes)) => {
                let choice = ModelChoice::of(&model.info().name, &bytes, model.info().redistribute);
                let hash = choice.sha256.clone();
                self.slot.note(choice);
                self.library.lock().refresh();
                self.sounds(Arc::new(model), &hash);
                self.send();
            }
            Err(error) => self.status.lock().error = Some(format!("{}: {error}", origin.name())),
        }
    }

    /// Notes the model that sounds from now on.
    fn sounds(&self, model: Arc<M>, hash: &str) {
        self.missing.store(false, Ordering::Relaxed);
        {
            let mut status = self.status.lock();
            (status.model, status.error) = (Some(model), None);
        }
        self.list();
        let library = self.library.lock().all();
        let current = if hash.is_empty() {
            (!library.is_empty()).then_some(0)
        } else {
            library.iter().position(|o| o.bytes().is_ok_and(|bytes| sha256(&bytes) == hash))
        };
        self.status.lock().current = current;
    }

    fn list(&self) {
        let library = self.library.lock().all();
        self.status.lock().library = library;
    }

    /// Builds an engine for the model that sounds and offers it.
    fn send(&self) {
        let (model, format) = (self.status.lock().model.clone(), *self.format.lock());
        if let (Some(model), Some(format)) = (model, format) {
            match model.engine(format) {
                Ok(engine) => self.handoff.offer(Box::new(engine)),
                Err(error) => self.status.lock().error = Some(error),
            }
        }
    }
}
