//! The recent past of a signal, always contiguous: what a causal convolution reads.

/// Frames kept behind the newest ones, in one slice. Writing slides the past to the front when the end is reached.
#[derive(Clone, Debug)]
pub struct Line<T> {
    /// `[capacity][width]`; frames before `end` are valid for at least `history`.
    frames: Vec<T>,
    /// Items of one frame.
    width: usize,
    /// Frames of the past that readers need.
    history: usize,
    /// Frame after the newest one.
    end: usize,
}

/// Frames written between two slides: the copy of the history is shared by so many.
const ROOM: usize = 512;

impl<T: Copy> Line<T> {
    /// A silent past of `history` frames of `width` items.
    pub fn new(width: usize, history: usize, silence: T) -> Self {
        Self { frames: vec![silence; (history + ROOM) * width], width, history, end: history }
    }

    /// Back to a past that is `frame` for ever; does not allocate.
    pub fn fill(&mut self, frame: &[T]) {
        for f in self.frames.chunks_exact_mut(self.width) {
            f.copy_from_slice(frame);
        }
        self.end = self.history;
    }

    /// Back to a past that is one item for ever; does not allocate.
    pub fn clear(&mut self, item: T) {
        self.frames.fill(item);
        self.end = self.history;
    }

    /// Room for the next `count` frames (at most 512), to be written whole before [`Self::window`] is called.
    #[inline]
    pub fn extend(&mut self, count: usize) -> &mut [T] {
        debug_assert!(count <= ROOM);
        if self.end + count > self.history + ROOM {
            let past = (self.end - self.history) * self.width..self.end * self.width;
            self.frames.copy_within(past, 0);
            self.end = self.history;
        }
        self.end += count;
        &mut self.frames[(self.end - count) * self.width..self.end * self.width]
    }

    /// The newest `count` frames.
    #[inline]
    pub fn newest(&self, count: usize) -> &[T] {
        &self.frames[(self.end - count) * self.width..self.end * self.width]
    }

    /// The newest `count` frames and the `history` before them.
    #[inline]
    pub fn window(&self, count: usize) -> &[T] {
        &self.frames[(self.end - count - self.history) * self.width..self.end * self.width]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_always_holds_the_last_frames_in_order() {
        let mut line = Line::new(1, 5, 0usize);
        let mut written = vec![0; 5];
        for count in [1, 3, 64, 500, 17, 512, 2] {
            let start = written.len();
            for (i, slot) in line.extend(count).iter_mut().enumerate() {
                *slot = start + i;
            }
            written.extend(start..start + count);
            assert_eq!(line.window(count), &written[written.len() - count - 5..]);
        }
    }
}
