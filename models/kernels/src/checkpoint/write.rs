//! Model files being written: what the exporters and the tests share.
use super::LoadError;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::{BTreeMap, HashMap};

/// Values of one tensor to be written.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// Full numbers.
    F32(&'a [f32]),
    /// 8-bit weights, whose factors are another tensor.
    I8(&'a [i8]),
    /// Which blocks of a sparse weight there are.
    Bool(&'a [bool]),
}

/// The bytes of a model file with f32 tensors: name, shape and values of each.
pub fn write(
    metadata: BTreeMap<String, String>,
    tensors: &[(String, Vec<usize>, Vec<f32>)],
) -> Result<Vec<u8>, LoadError> {
    let tensors: Vec<_> = tensors.iter().map(|(n, s, values)| (n.clone(), s.clone(), Values::F32(values))).collect();
    write_mixed(metadata, &tensors)
}

/// The same with tensors of all formats.
pub fn write_mixed(
    metadata: BTreeMap<String, String>,
    tensors: &[(String, Vec<usize>, Values)],
) -> Result<Vec<u8>, LoadError> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| match values {
            Values::F32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Values::I8(values) => values.iter().map(|v| *v as u8).collect(),
            Values::Bool(values) => values.iter().map(|v| u8::from(*v)).collect(),
        })
        .collect();
    let refused = |e: safetensors::SafeTensorError| LoadError::NotSafetensors(e.to_string());
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, shape, values), bytes)| {
            let dtype = match values {
                Values::F32(_) => Dtype::F32,
                Values::I8(_) => Dtype::I8,
                Values::Bool(_) => Dtype::BOOL,
            };
            Ok((name.clone(), TensorView::new(dtype, shape.clone(), bytes)?))
        })
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(refused)?;
    safetensors::serialize(views, Some(metadata.into_iter().collect::<HashMap<_, _>>())).map_err(refused)
}
