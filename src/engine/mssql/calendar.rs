//! Dates and times as SQL Server counts them, in ISO 8601.

use tiberius::time::{Date, DateTime, DateTime2, DateTimeOffset, SmallDateTime, Time};

/// Days from 0001-01-01, where `date` begins, to 1900-01-01, where `datetime` does.
const DAYS_TO_1900: i64 = 693_595;

/// Days from 0001-01-01 to 10000-01-01: the first day that no type of SQL Server has.
const DAYS_TO_10000: i64 = 3_652_059;

const SECONDS_A_DAY: u64 = 86_400;

/// A day, `YYYY-MM-DD`. `None` where the count lies outside of what SQL Server has.
pub(super) fn date(date: Date) -> Option<String> {
    day(i64::from(date.days()))
}

/// A time of day with as many digits as its type has.
pub(super) fn time(time: Time) -> Option<String> {
    clock(time.increments(), time.scale())
}

/// A day and a time of day.
pub(super) fn datetime2(value: DateTime2) -> Option<String> {
    Some(format!("{} {}", date(value.date())?, time(value.time())?))
}

/// An instant at its own offset. The server sends it in UTC.
pub(super) fn datetimeoffset(value: DateTimeOffset) -> Option<String> {
    let (time, minutes) = (value.datetime2().time(), i64::from(value.offset()));
    let unit = 10_u64.checked_pow(u32::from(time.scale()))?;
    let shifted =
        i64::try_from(time.increments()).ok()? + minutes * 60 * i64::try_from(unit).ok()?;
    let a_day = i64::try_from(SECONDS_A_DAY.checked_mul(unit)?).ok()?;
    let days = i64::from(value.datetime2().date().days()) + shifted.div_euclid(a_day);
    let clock = clock(u64::try_from(shifted.rem_euclid(a_day)).ok()?, time.scale())?;
    let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, minutes.unsigned_abs());
    Some(format!("{} {clock}{sign}{:02}:{:02}", day(days)?, minutes / 60, minutes % 60))
}

/// A `datetime`, which counts three hundredths of a second and is shown in milliseconds, rounded as SQL Server does.
pub(super) fn datetime(value: DateTime) -> Option<String> {
    let milliseconds = (u64::from(value.seconds_fragments()) * 10 + 1) / 3;
    Some(format!("{} {}", day(DAYS_TO_1900 + i64::from(value.days()))?, clock(milliseconds, 3)?))
}

/// A `smalldatetime`, which counts minutes.
pub(super) fn smalldatetime(value: SmallDateTime) -> Option<String> {
    let seconds = u64::from(value.seconds_fragments()) * 60;
    Some(format!("{} {}", day(DAYS_TO_1900 + i64::from(value.days()))?, clock(seconds, 0)?))
}

fn clock(increments: u64, scale: u8) -> Option<String> {
    let unit = 10_u64.checked_pow(u32::from(scale))?;
    let (seconds, fraction) = (increments / unit, increments % unit);
    if seconds >= SECONDS_A_DAY {
        return None;
    }
    let text = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let digits = usize::from(scale);
    Some(if digits == 0 { text } else { format!("{text}.{fraction:0digits$}") })
}

/// The day `count` days after 0001-01-01, in the Gregorian calendar.
fn day(count: i64) -> Option<String> {
    if !(0..DAYS_TO_10000).contains(&count) {
        return None;
    }
    // Years that begin in March end with the leap day, and 0000-03-01 is 306 days before 0001-01-01.
    let days = count + 306;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Five months from March on have 153 days, and so have the next five.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    Some(format!("{:04}-{month:02}-{day:02}", era * 400 + year_of_era + later))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (count, expected) in [
            (0, "0001-01-01"),
            (58, "0001-02-28"),
            (59, "0001-03-01"),
            (693_595, "1900-01-01"),
            (730_119, "2000-01-01"),
            (730_178, "2000-02-29"),
            (730_179, "2000-03-01"),
            (738_885, "2024-01-01"),
            (3_652_058, "9999-12-31"),
        ] {
            assert_eq!(day(count).as_deref(), Some(expected));
        }
        assert_eq!((day(-1), day(3_652_059)), (None, None));
        // Every day is the day after the one before.
        let mut before = day(0).unwrap();
        for count in 1..3_652_059 {
            let after = day(count).unwrap();
            assert!(after > before, "{before} {after}");
            before = after;
        }
    }

    #[test]
    fn digits_are_those_of_the_type() {
        assert_eq!(time(Time::new(0, 0)).unwrap(), "00:00:00");
        assert_eq!(time(Time::new(863_999_999_999, 7)).unwrap(), "23:59:59.9999999");
        assert_eq!(time(Time::new(1, 3)).unwrap(), "00:00:00.001");
        assert_eq!(time(Time::new(864_000_000_000, 7)), None);
        let noon = DateTime2::new(Date::new(738_885), Time::new(43_200_000, 3));
        assert_eq!(datetime2(noon).unwrap(), "2024-01-01 12:00:00.000");
        assert_eq!(datetime(DateTime::new(0, 1)).unwrap(), "1900-01-01 00:00:00.003");
        assert_eq!(datetime(DateTime::new(0, 2)).unwrap(), "1900-01-01 00:00:00.007");
        assert_eq!(
            datetime(DateTime::new(-53_690, 25_919_999)).unwrap(),
            "1753-01-01 23:59:59.997"
        );
        assert_eq!(smalldatetime(SmallDateTime::new(1, 61)).unwrap(), "1900-01-02 01:01:00");
    }

    #[test]
    fn offsets_cross_midnight() {
        let at = |days, seconds, offset| {
            let utc = DateTime2::new(Date::new(days), Time::new(seconds, 0));
            datetimeoffset(DateTimeOffset::new(utc, offset))
        };
        assert_eq!(at(738_885, 0, 0).unwrap(), "2024-01-01 00:00:00+00:00");
        assert_eq!(at(738_885, 82_800, 120).unwrap(), "2024-01-02 01:00:00+02:00");
        assert_eq!(at(738_885, 3_600, -330).unwrap(), "2023-12-31 19:30:00-05:30");
        assert_eq!(at(0, 0, -60), None);
    }
}
