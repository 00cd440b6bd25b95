//! The secret of masks by `hash`: read here, and put into a query where it is bound.
// INVARIANT (secrets): nothing here is shown, logged or written: no type that holds the key has `Debug`.

use sha2::{Digest as _, Sha256};

use super::EngineError;
use crate::guard::sql::{Bind, KeyHalf};
use crate::policy::settings::Settings;
use crate::predicate::Value;

/// The fewest bytes of a key: as many as the hash has, <https://www.rfc-editor.org/rfc/rfc2104#section-3>.
const LEAST: usize = 32;

/// The bytes that SHA-256 takes at a time.
const BLOCK: usize = 64;

/// The key of one database; `None` where its settings name none.
pub(super) struct MaskKey(Option<Result<Halves, EngineError>>);

/// The blocks that HMAC makes of the key, as hexadecimal digits.
struct Halves {
    inner: String,
    outer: String,
}

impl MaskKey {
    /// Reads the environment variable that the settings name.
    pub(super) fn of(settings: &Settings) -> Self {
        let variable = settings.mask_key.as_deref().and_then(|key| key.strip_prefix("env:"));
        Self(variable.map(|name| {
            let secret = std::env::var(name)
                .map_err(|_| EngineError::MaskKey("the environment variable is not set"))?;
            if secret.len() < LEAST {
                return Err(EngineError::MaskKey("the secret is shorter than 32 bytes"));
            }
            Ok(Halves::of(secret.as_bytes()))
        }))
    }

    /// Of a database that masks without one.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Why it cannot be used, where there is one that cannot.
    pub(super) fn problem(&self) -> Option<EngineError> {
        let Self(key) = self;
        key.as_ref().and_then(|key| key.as_ref().err().copied())
    }

    /// The values that a driver binds.
    pub(super) fn values(&self, binds: &[Bind]) -> Result<Vec<Value>, EngineError> {
        let Self(key) = self;
        let value = |bind: &Bind| match bind {
            Bind::Value(value) => Ok(value.clone()),
            Bind::MaskKey(half) => match key {
                Some(Ok(Halves { inner, outer })) => Ok(Value::String(match half {
                    KeyHalf::Inner => inner.clone(),
                    KeyHalf::Outer => outer.clone(),
                })),
                Some(Err(error)) => Err(*error),
                None => Err(EngineError::MaskKey("it is not set")),
            },
        };
        binds.iter().map(value).collect()
    }
}

impl Halves {
    fn of(secret: &[u8]) -> Self {
        let hashed;
        let secret = if secret.len() > BLOCK {
            hashed = Sha256::digest(secret);
            hashed.as_slice()
        } else {
            secret
        };
        let half = |pad: u8| {
            let padded = secret.iter().copied().chain(std::iter::repeat(0)).take(BLOCK);
            padded.fold(String::new(), |digits, byte| digits + &format!("{:02x}", byte ^ pad))
        };
        Self { inner: half(0x36), outer: half(0x5c) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(digits: &str) -> Vec<u8> {
        let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }

    /// What the expressions of the databases come to.
    fn hmac(secret: &[u8], text: &[u8]) -> String {
        let Halves { inner, outer } = Halves::of(secret);
        let inside = Sha256::digest([bytes(&inner), text.to_vec()].concat());
        format!("{:x}", Sha256::digest([bytes(&outer), inside.to_vec()].concat()))
    }

    /// <https://www.rfc-editor.org/rfc/rfc4231#section-4>, test cases 1 to 3, 6 and 7: keys shorter and longer than a block.
    #[test]
    fn halves_make_the_hmac_of_the_standard() {
        let long = "This is a test using a larger than block-size key and a larger than block-size data. \
                    The key needs to be hashed before being used by the HMAC algorithm.";
        let cases: [(&[u8], &[u8], &str); 5] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &[0xaa; 131],
                long.as_bytes(),
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (secret, text, expected) in cases {
            assert_eq!(hmac(secret, text), expected);
        }
    }

    #[test]
    fn a_key_that_is_not_there_binds_nothing() {
        let binds = [Bind::Value(Value::Long(82)), Bind::MaskKey(KeyHalf::Inner)];
        let short = EngineError::MaskKey("the secret is shorter than 32 bytes");
        for (key, expected) in [
            (MaskKey(None), Err(EngineError::MaskKey("it is not set"))),
            (MaskKey(Some(Err(short))), Err(short)),
        ] {
            assert_eq!(key.values(&binds), expected);
            assert_eq!(key.values(&binds[..1]), Ok(vec![Value::Long(82)]));
        }
        let key = MaskKey(Some(Ok(Halves::of(&[1; LEAST]))));
        let bound = key.values(&binds).unwrap();
        assert_eq!(bound[1], Value::String(format!("{}{}", "37".repeat(32), "36".repeat(32))));
        assert_eq!(key.problem(), None);
    }
}
