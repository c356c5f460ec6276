//! Numbers of flows with names: protocols, ports, TCP flags; and rates.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, StringArray, UInt8Array, UInt64Array};
use arrow::datatypes::TimestampMillisecondType;
use datafusion::common::{DataFusionError, Result};
use nfdecode::output::protocol_name;
use nfdecode::value::TcpFlags;

use crate::functions::arguments::numbers;
use crate::functions::ports::{PORTS, port_of};

/// The letters of TCP flags, from the highest bit.
const LETTERS: [u8; 8] = *b"CEUAPRSF";

fn texts(array: &ArrayRef) -> impl Iterator<Item = Option<&str>> {
    array.as_string::<i32>().iter()
}

/// The number of a protocol's name, in any case; numbers are themselves.
pub(crate) fn proto_of(name: &str) -> Option<u8> {
    let name = name.trim();
    let known = match name.to_ascii_lowercase().as_str() {
        "icmpv6" | "ipv6-icmp" => Some(58),
        "ipip" | "ipencap" => Some(4),
        _ => name.parse().ok(),
    };
    known.or_else(|| {
        (0..=u8::MAX).find(|number| {
            let known = protocol_name(*number);
            !known.is_empty() && known.eq_ignore_ascii_case(name)
        })
    })
}

/// As [`proto_of`], with an error that says what is wrong.
pub(crate) fn proto_or_fail(name: &str) -> Result<u8> {
    proto_of(name).ok_or_else(|| {
        DataFusionError::Plan(format!(
            "'{name}' is no protocol, such as 'tcp', 'udp' or 'icmp'"
        ))
    })
}

/// As [`port_of`], with an error that says what is wrong; numbers are themselves.
pub(crate) fn port_or_fail(name: &str) -> Result<u16> {
    let known = name.trim().parse().ok().or_else(|| port_of(name.trim()));
    known.ok_or_else(|| {
        DataFusionError::Plan(format!(
            "'{name}' is no port that has a name here, such as 'https' or 'dns'"
        ))
    })
}

/// `proto(name)`
pub(crate) fn proto(args: &[ArrayRef]) -> Result<ArrayRef> {
    let found = texts(&args[0]).map(|name| name.map(proto_or_fail).transpose());
    Ok(Arc::new(found.collect::<Result<UInt8Array>>()?))
}

/// `proto_name(number)`
pub(crate) fn proto_name(args: &[ArrayRef]) -> Result<ArrayRef> {
    let name = |number: u64| match u8::try_from(number).map(protocol_name) {
        Ok(name) if !name.is_empty() => name.to_owned(),
        _ => number.to_string(),
    };
    let found = numbers(&args[0]).into_iter().map(|number| number.map(name));
    Ok(Arc::new(found.collect::<StringArray>()))
}

/// `port_name(number)`
pub(crate) fn port_name(args: &[ArrayRef]) -> Result<ArrayRef> {
    let name = |number: u64| {
        let found = PORTS.iter().find(|(port, _)| u64::from(*port) == number);
        found.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
    };
    let found = numbers(&args[0]).into_iter().map(|number| number.map(name));
    Ok(Arc::new(found.collect::<StringArray>()))
}

/// `tcp_flags(number)`
pub(crate) fn tcp_flags(args: &[ArrayRef]) -> Result<ArrayRef> {
    let letters = |number: u64| {
        let letters = TcpFlags(u8::try_from(number).unwrap_or(u8::MAX)).letters();
        String::from_utf8_lossy(&letters).into_owned()
    };
    let found = numbers(&args[0])
        .into_iter()
        .map(|number| number.map(letters));
    Ok(Arc::new(found.collect::<StringArray>()))
}

fn mask_of(letters: &str) -> Result<u64> {
    letters.trim().bytes().try_fold(0, |mask, letter| {
        let letter = letter.to_ascii_uppercase();
        let place = LETTERS.iter().position(|known| *known == letter);
        let place = place.ok_or_else(|| {
            DataFusionError::Plan(format!(
                "'{letters}' has another letter than C, E, U, A, P, R, S and F"
            ))
        })?;
        Ok(mask | 0x80 >> place)
    })
}

/// `has_flags(number, letters)`
pub(crate) fn has_flags(args: &[ArrayRef]) -> Result<ArrayRef> {
    let found = numbers(&args[0]).into_iter().zip(texts(&args[1]));
    let found = found.map(|(number, letters)| match (number, letters) {
        (Some(number), Some(letters)) => {
            let mask = mask_of(letters)?;
            Ok(Some(number & mask == mask))
        }
        _ => Ok(None),
    });
    Ok(Arc::new(found.collect::<Result<BooleanArray>>()?))
}

/// From `first` to `last` in ms for each row.
fn durations(first: &ArrayRef, last: &ArrayRef) -> Vec<Option<u64>> {
    let first = first.as_primitive::<TimestampMillisecondType>();
    let last = last.as_primitive::<TimestampMillisecondType>();
    let times = first.iter().zip(last.iter());
    times
        .map(|(first, last)| Some(u64::try_from(last?.checked_sub(first?)?).unwrap_or(0)))
        .collect()
}

fn rate(args: &[ArrayRef], scale: u128) -> ArrayRef {
    let counts = numbers(&args[0]).into_iter();
    let found = counts.zip(durations(&args[1], &args[2]));
    let found = found.map(|(count, duration)| {
        let (count, duration) = (u128::from(count?), u128::from(duration?));
        // As nfdump: a flow without duration has no rate.
        let rate = (count * scale).checked_div(duration).unwrap_or(0);
        Some(u64::try_from(rate).unwrap_or(u64::MAX))
    });
    Arc::new(found.collect::<UInt64Array>())
}

/// `bps(bytes, first, last)`
pub(crate) fn bps(args: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(rate(args, 8_000))
}

/// `pps(packets, first, last)`
pub(crate) fn pps(args: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(rate(args, 1_000))
}

/// `duration(first, last)`
pub(crate) fn duration(args: &[ArrayRef]) -> Result<ArrayRef> {
    Ok(Arc::new(UInt64Array::from(durations(&args[0], &args[1]))))
}
