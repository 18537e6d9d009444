//! The header of a safetensors file, read without trust: names, shapes and offsets that fit the data exactly.
//!
//! The safetensors crate reads such headers too, but a crafted one makes it hold 25 times the file. Here a header costs at
//! most twice its length: names are borrowed, shapes have a fixed place, texts a limit.
use super::{LoadError, MAX_HEADER, MAX_METADATA, MAX_RANK, MAX_TENSORS, MAX_TEXT, shown};
use safetensors::tensor::Dtype;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// What the header says of one tensor.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub name: Cow<'a, str>,
    pub info: Info,
}

/// Number format, shape and place of one tensor.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    pub dtype: Dtype,
    pub shape: Shape,
    /// First byte and the one after the last, in the data behind the header.
    data_offsets: [u32; 2],
}

/// Sizes of at most [`MAX_RANK`] dimensions.
#[derive(Debug, Default)]
pub(super) struct Shape {
    sizes: [u32; MAX_RANK],
    rank: usize,
}

/// A parsed header and the data it describes.
#[derive(Debug)]
pub(super) struct Container<'a> {
    pub metadata: BTreeMap<String, String>,
    /// By name.
    pub entries: Vec<Entry<'a>>,
    data: &'a [u8],
}

impl Shape {
    pub fn to_vec(&self) -> Vec<usize> {
        self.sizes[..self.rank].iter().map(|size| *size as usize).collect()
    }

    pub fn is(&self, shape: &[usize]) -> bool {
        self.rank == shape.len() && self.sizes.iter().zip(shape).all(|(a, b)| *a as usize == *b)
    }
}

impl Info {
    /// Does the shape in this number format take exactly the bytes that the offsets span?
    fn fits(&self) -> bool {
        let [from, to] = self.data_offsets.map(u64::from);
        let sizes = self.shape.sizes[..self.shape.rank].iter();
        let bits = sizes.map(|size| u64::from(*size)).try_fold(self.dtype.bitsize() as u64, u64::checked_mul);
        bits.is_some_and(|bits| to.checked_sub(from).and_then(|bytes| bytes.checked_mul(8)) == Some(bits))
    }
}

impl<'a> Container<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, LoadError> {
        let damaged = |reason: String| LoadError::NotSafetensors(shown(&reason));
        let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
            return Err(damaged(format!("expected 8 bytes of header length, found {} bytes", bytes.len())));
        };
        let length = u64::from_le_bytes(*length);
        if length > MAX_HEADER as u64 {
            return Err(LoadError::TooLarge { what: "header", limit: MAX_HEADER as u64, found: length });
        }
        let Some((header, data)) = rest.split_at_checked(length as usize) else {
            return Err(damaged(format!("expected a header of {length} bytes, found {}", rest.len())));
        };
        let header = std::str::from_utf8(header).map_err(|e| damaged(format!("header is not text: {e}")))?;
        if !header.starts_with('{') {
            return Err(damaged("header: expected `{` at its start".into()));
        }
        if longest_text(header) > MAX_TEXT {
            return Err(damaged(format!("header: expected texts of at most {MAX_TEXT} bytes, found a longer one")));
        }
        let mut parser = serde_json::Deserializer::from_str(header);
        let (metadata, mut entries) = parser
            .deserialize_map(Top)
            .and_then(|top| parser.end().map(|()| top))
            .map_err(|e| damaged(format!("header: {e}")))?;

        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(damaged(format!("tensor `{}` appears twice", pair[0].name)));
        }
        entries.sort_unstable_by_key(|entry| entry.info.data_offsets);
        let mut end = 0;
        for Entry { name, info } in &entries {
            if !info.fits() || info.data_offsets[0] != end {
                let found = (&info.dtype, info.shape.to_vec(), info.data_offsets);
                return Err(damaged(format!("tensor `{name}`: expected its bytes from {end} on, found {found:?}")));
            }
            end = info.data_offsets[1];
        }
        if end as usize != data.len() {
            return Err(damaged(format!("expected {end} bytes of tensors, found {}", data.len())));
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { metadata, entries, data })
    }

    /// Place of a tensor among the entries.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.entries.binary_search_by(|entry| entry.name.as_ref().cmp(name)).ok()
    }

    /// Bytes of a tensor.
    pub fn data(&self, info: &Info) -> &'a [u8] {
        let [from, to] = info.data_offsets.map(|offset| offset as usize);
        &self.data[from..to]
    }
}

/// Bytes of the longest text in JSON: a parser holds it several times while it resolves escapes.
fn longest_text(json: &str) -> usize {
    let (mut longest, mut length, mut inside, mut escaped) = (0, 0, false, false);
    for byte in json.bytes() {
        match (byte, escaped) {
            (b'"', false) => (inside, length) = (!inside, 0),
            (b'\\', false) => escaped = inside,
            _ => escaped = false,
        }
        if inside {
            length += 1;
            longest = longest.max(length);
        }
    }
    longest
}

/// A text that is copied only when it has escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads the header's object.
struct Top;

impl<'de> Visitor<'de> for Top {
    type Value = (BTreeMap<String, String>, Vec<Entry<'de>>);

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut metadata = None;
        let mut entries = Vec::new();
        while let Some(Text(name)) = map.next_key()? {
            if name == "__metadata__" {
                if metadata.replace(map.next_value::<Metadata>()?).is_some() {
                    return Err(A::Error::custom("`__metadata__` appears twice"));
                }
            } else if entries.len() == MAX_TENSORS {
                return Err(A::Error::custom(format!("expected at most {MAX_TENSORS} tensors")));
            } else {
                entries.push(Entry { name, info: map.next_value()? });
            }
        }
        Ok((metadata.map(|m| m.0).unwrap_or_default(), entries))
    }
}

/// The object `__metadata__`.
struct Metadata(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Metadata;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                let mut texts = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, String>()? {
                    if texts.len() == MAX_METADATA {
                        return Err(A::Error::custom(format!("expected at most {MAX_METADATA} entries of metadata")));
                    }
                    if texts.contains_key(&key) {
                        return Err(A::Error::custom(format!("metadata `{key}` appears twice")));
                    }
                    texts.insert(key, value);
                }
                Ok(Metadata(texts))
            }
        }
        deserializer.deserialize_map(Texts)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sizes;
        impl<'de> Visitor<'de> for Sizes {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list of sizes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
                let mut shape = Shape::default();
                while let Some(size) = list.next_element()? {
                    let place = shape.sizes.get_mut(shape.rank);
                    let most = || A::Error::custom(format!("expected at most {MAX_RANK} dimensions"));
                    *place.ok_or_else(most)? = size;
                    shape.rank += 1;
                }
                Ok(shape)
            }
        }
        deserializer.deserialize_seq(Sizes)
    }
}
