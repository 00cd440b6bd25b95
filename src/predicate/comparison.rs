//! Comparisons of two values.

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CmpOp {
    /// `=`
    Eq,
    /// `<>`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl CmpOp {
    /// The operator for the same comparison with its sides swapped: `5 > x` is `x < 5`.
    #[must_use]
    pub fn mirror(self) -> Self {
        match self {
            Self::Eq => Self::Eq,
            Self::Ne => Self::Ne,
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
        }
    }

    /// The operator that holds exactly where this one does not: `NOT x < 5` is `x >= 5`.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Lt => Self::Ge,
            Self::Le => Self::Gt,
            Self::Gt => Self::Le,
            Self::Ge => Self::Lt,
        }
    }

    pub(super) fn holds<T: Ord>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Ne => left != right,
            Self::Lt => left < right,
            Self::Le => left <= right,
            Self::Gt => left > right,
            Self::Ge => left >= right,
        }
    }

    /// As SQL writes it, and whatever is for people.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "<>",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATORS: [CmpOp; 6] =
        [CmpOp::Eq, CmpOp::Ne, CmpOp::Lt, CmpOp::Le, CmpOp::Gt, CmpOp::Ge];

    #[test]
    fn mirror_swaps_sides_and_negate_complements() {
        for op in OPERATORS {
            assert_eq!(op.mirror().mirror(), op);
            assert_eq!(op.negate().negate(), op);
            for (left, right) in [(1, 2), (2, 2), (3, 2)] {
                assert_eq!(op.holds(&left, &right), op.mirror().holds(&right, &left), "{op:?}");
                assert_eq!(op.holds(&left, &right), !op.negate().holds(&left, &right), "{op:?}");
            }
        }
    }
}
