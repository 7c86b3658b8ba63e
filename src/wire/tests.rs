//! What the tests of all codecs share.

use bytes::BytesMut;

/// Puts `octets` into a buffer in the given sizes (the last one repeated); after each, `drain` takes what it can.
pub(in crate::wire) fn in_pieces<E>(
    octets: &[u8],
    sizes: &[usize],
    mut drain: impl FnMut(&mut BytesMut) -> Result<(), E>,
) -> Result<(), E> {
    let (mut buf, mut rest, mut step) = (BytesMut::new(), octets, 0);
    while !rest.is_empty() {
        let size = sizes.get(step).or(sizes.last()).copied().unwrap_or(rest.len()).clamp(1, rest.len());
        step += 1;
        buf.extend_from_slice(&rest[..size]);
        rest = &rest[size..];
        drain(&mut buf)?;
    }
    Ok(())
}
