//! A leg of another call that took part, as an object of `callDetails`.

use serde_json::{Value, json};

use super::object::Object;
use super::{DocumentFormat, entry};
use crate::leg::{Direction, Leg};
use crate::part::Part;
use crate::timestamp::{millis_between, rfc3339};

/// Returns the part's `calleeType`.
pub(super) fn callee_type(part: &Part) -> &str {
    part.callee_type.as_deref().unwrap_or("AGENT")
}

/// Returns the object. `first` is the call's first leg: an agent whom we dialled serves its
/// number.
pub(super) fn object(part: &Part, first: Option<&Leg>, format: &DocumentFormat) -> Object<'static> {
    let callee_type = callee_type(part);
    let inherits = callee_type == "AGENT" && part.direction == Direction::Outbound;
    let own = || first.and_then(Leg::own_number);
    let did = if inherits { own() } else { part.did.as_deref() };
    let time = |us: i64| rfc3339(us, format.time_zone);
    let duration = entry::in_unit(millis_between(part.from_us, part.until_us), format);
    let texts = [
        ("calleeNumber", part.number.clone()),
        ("calleeType", Some(callee_type.to_owned())),
        ("cdrId", Some(format!("{}##{}", part.uuid, part.switch))),
        ("connectTime", time(part.from_us)),
        (
            "didNumber",
            did.filter(|_| !part.foreign).map(str::to_owned),
        ),
        ("duration", Some(duration)),
        ("endTime", time(part.until_us)),
        ("startTime", time(part.from_us)),
    ];
    let known = texts.into_iter();
    let mut object: Vec<(&str, Value)> = known
        .filter_map(|(name, text)| Some((name, Value::String(text?))))
        .collect();
    object.push(("tookPart", json!(true)));
    Object::of_values(object)
}
