//! An instant as PostgreSQL takes it: microseconds since 2000-01-01 00:00 UTC.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo};
use sqlx::{Encode, Postgres, Type};

/// `timestamptz` in `pg_type`.
const TIMESTAMPTZ: u32 = 1184;

/// 2000-01-01 in milliseconds since 1970.
const EPOCH: i64 = 946_684_800_000;

/// The first and the last instant that a `timestamptz` can be, in microseconds since 2000: 4714-11-24 BC, and before
/// 294277 (<https://www.postgresql.org/docs/current/datatype-datetime.html>).
const RANGE: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;

/// An instant that PostgreSQL has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instant {
    microseconds: i64,
}

impl Instant {
    /// From milliseconds since 1970; `None` outside of what PostgreSQL has.
    pub(super) fn new(milliseconds: i64) -> Option<Self> {
        let microseconds = milliseconds.checked_sub(EPOCH)?.checked_mul(1_000)?;
        RANGE.contains(&microseconds).then_some(Self { microseconds })
    }
}

impl Type<Postgres> for Instant {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(TIMESTAMPTZ))
    }
}

impl Encode<'_, Postgres> for Instant {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.microseconds.to_be_bytes());
        Ok(IsNull::No)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_postgresql_has_no_room_for_is_no_instant() {
        assert_eq!(Instant::new(EPOCH), Some(Instant { microseconds: 0 }));
        assert_eq!(Instant::new(0), Some(Instant { microseconds: -EPOCH * 1_000 }));
        for milliseconds in [i64::MIN, i64::MAX, 9_224_318_016_000_000, -210_866_803_200_001] {
            assert_eq!(Instant::new(milliseconds), None, "{milliseconds}");
        }
        assert!(Instant::new(9_224_318_015_999_999).is_some());
        assert!(Instant::new(-210_866_803_200_000).is_some());
    }
}
