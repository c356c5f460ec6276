//! Times on a line, put together from remembered minutes.
//!
//! Does not know time zones: [`TimeFormatter`] does.

use crate::output::digits::THREE_DIGITS;
use crate::output::line::Line;
use crate::value::time::Timestamp;
use crate::value::zone::TimeFormatter;

/// `:ss.` for each second of a minute, and zeros, so that any index of 6 bits is one.
static SECONDS: [[u8; 4]; 64] = {
    let mut table = [[0; 4]; 64];
    let mut second = 0;
    while second < 60 {
        let [_, tens, ones, _] = THREE_DIGITS[second];
        table[second] = [b':', tens, ones, b'.'];
        second += 1;
    }
    table
};

/// Appends `YYYY-MM-DDThh:mm:ss.mmm` with `SEPARATOR` in place of the `T` and `END` behind.
#[inline(always)]
pub(crate) fn time<const SEPARATOR: u8, const END: u8>(
    ms: u64,
    times: &mut TimeFormatter,
    line: &mut Line<'_>,
) {
    let time = Timestamp::from_millis(ms);
    let Some((minute, past)) = times.minute(time) else {
        let (text, length) = unusual_time(time, SEPARATOR, END, times);
        return line.put(&text, length);
    };
    // In registers: bytes that are stored one by one cannot be loaded as one word soon after.
    let change = u128::from(b'T' ^ SEPARATOR) << 80;
    line.put(&(u128::from_le_bytes(minute) ^ change).to_le_bytes(), 16);
    let second = u32::from_le_bytes(SECONDS[(past / 1000) as usize % SECONDS.len()]);
    let fraction = u32::from_le_bytes(THREE_DIGITS[(past % 1000) as usize]) & 0x00FF_FFFF;
    let fraction = fraction | u32::from(END) << 24;
    let rest = u64::from(second) | u64::from(fraction) << 32;
    line.put(&rest.to_le_bytes(), 8);
}

/// Local time whose minutes are not those of UTC, and years of more than four digits.
#[cold]
fn unusual_time(
    time: Timestamp,
    separator: u8,
    end: u8,
    times: &mut TimeFormatter,
) -> ([u8; 48], usize) {
    let mut piece = [end; 48];
    let text = times.text(time, separator);
    piece
        .iter_mut()
        .zip(text)
        .for_each(|(to, from)| *to = *from);
    (piece, text.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::line::LINE_ROOM;
    use crate::value::zone::Zone;
    use proptest::prelude::*;

    /// Zones whose offsets are whole hours, whole minutes, and neither: Monrovia was 44 minutes and 30
    /// seconds behind until 1972.
    const ZONES: [&str; 6] = [
        "UTC",
        "Europe/Zurich",
        "Australia/Lord_Howe",
        "Africa/Monrovia",
        "XYZ-3:30:17",
        "ABC+0:00:01",
    ];

    fn written<const SEPARATOR: u8, const END: u8>(ms: u64, times: &mut TimeFormatter) -> Vec<u8> {
        let mut room = [b'?'; LINE_ROOM];
        let mut line = Line::new(&mut room);
        time::<SEPARATOR, END>(ms, times, &mut line);
        let length = line.len();
        room[..length].to_vec()
    }

    proptest! {
        /// Near each other, so that minutes come again, around changes of the clock, and anywhere.
        #[test]
        fn remembered_minutes_are_those_of_the_zone(
            zone in 0..ZONES.len(),
            times in prop::collection::vec(prop_oneof![
                1_679_792_280_000..1_679_792_520_000_u64,
                63_592_000_000..63_595_000_000_u64,
                0..200_000_u64,
                253_402_300_740_000..253_402_300_860_000_u64,
                0..4_102_444_800_000_u64,
                any::<u64>(),
            ], 1..60),
        ) {
            let zone = Zone::named(ZONES[zone]).expect("a zone");
            let mut kept = TimeFormatter::new(zone.clone());
            for ms in times {
                let mut expected = Vec::new();
                TimeFormatter::new(zone.clone()).write_iso(Timestamp::from_millis(ms), &mut expected);
                expected.push(b'"');
                prop_assert_eq!(&written::<b'T', b'"'>(ms, &mut kept), &expected);
                expected.pop();
                expected.push(b',');
                let separator = expected.iter().position(|byte| *byte == b'T');
                expected[separator.expect("a separator")] = b' ';
                prop_assert_eq!(&written::<b' ', b','>(ms, &mut kept), &expected);
            }
        }
    }
}
