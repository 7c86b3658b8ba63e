//! What an answer says of one message.

use crate::backend::{BodySink, Missed};
use crate::model::Result;
use crate::wire::eas::{BodyType, Fetched, Remedy};

use super::Batch;

/// Which message is told, and the part that it is, where it comes; one that does not is missed here.
pub(super) async fn judge(
    one: &Fetched,
    n: usize,
    batch: &mut Batch<'_>,
    sink: &mut dyn BodySink,
    in_parts: bool,
) -> Result<Option<(usize, usize)>> {
    let by_id = one.id.as_deref().and_then(|id| batch.ids.get(id)).copied();
    let message = match (by_id, &one.id) {
        (Some(message), _) => message,
        // Nobody asked for it.
        (None, Some(_)) => return Ok(None),
        (None, None) => match batch.order.get(n) {
            Some(message) => *message,
            None => return Ok(None),
        },
    };
    if batch.settled.contains(&message) {
        return Ok(None);
    }
    let body = one.properties.body;
    let missed = match one.status.remedy() {
        Remedy::Done => match body {
            None => Some(Missed::Unanswered),
            Some(body) if body.truncated => Some(Missed::Refused("it comes cut short".into())),
            Some(body) if body.kind.is_some_and(|kind| kind != BodyType::Mime) => {
                Some(Missed::Refused("it does not come as it was sent, only as text".into()))
            }
            Some(body) => match (in_parts, body.part) {
                (false, None) => return Ok(Some((message, 0))),
                (true, Some(part)) if part > 0 => return Ok(Some((message, part as usize))),
                _ => Some(Missed::Unanswered),
            },
        },
        Remedy::Gone => Some(Missed::Gone),
        // Alone it may fare better.
        Remedy::Retry | Remedy::BackOff if batch.order.len() > 1 => None,
        _ => Some(Missed::Refused(format!("it answers {}", one.status))),
    };
    if let Some(missed) = missed {
        batch.settled.push(message);
        sink.miss(message, missed).await?;
    }
    Ok(None)
}

/// Whether a message that comes without an octet should have some.
pub(super) fn owes_octets(one: &Fetched) -> bool {
    one.properties.body.and_then(|body| body.estimated_size).is_some_and(|size| size > 0)
}

/// Whether a status of the whole request only sums up those of its messages.
pub(super) fn about_items(remedy: Remedy) -> bool {
    matches!(remedy, Remedy::Gone | Remedy::Refuse | Remedy::Retry)
}
