//! Model files being written: what the exporters and the tests share.
use super::LoadError;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::{BTreeMap, HashMap};

/// The bytes of a model file with f32 tensors: name, shape and values of each.
pub fn write(
    metadata: BTreeMap<String, String>,
    tensors: &[(String, Vec<usize>, Vec<f32>)],
) -> Result<Vec<u8>, LoadError> {
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|(_, _, values)| values.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
    let refused = |e: safetensors::SafeTensorError| LoadError::NotSafetensors(e.to_string());
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, shape, _), bytes)| Ok((name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(refused)?;
    safetensors::serialize(views, Some(metadata.into_iter().collect::<HashMap<_, _>>())).map_err(refused)
}
