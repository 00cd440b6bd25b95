//! Windows and their frames.

use super::super::tree::{Frame, FrameBound, FrameUnits, WindowSpec};
use super::{Printed, Printer};

impl Printer<'_> {
    pub(super) fn window(&mut self, window: &WindowSpec) -> Printed {
        let WindowSpec { base, partition_by, order_by, frame } = window;
        let mut space = "";
        if let Some(base) = base {
            self.name(base);
            space = " ";
        }
        if !partition_by.is_empty() {
            self.push(space);
            self.push("PARTITION BY ");
            self.exprs(partition_by)?;
            space = " ";
        }
        if !order_by.is_empty() {
            self.push(space);
            self.push("ORDER BY ");
            self.order_items(order_by)?;
            space = " ";
        }
        if let Some(Frame { units, start, end }) = frame {
            self.push(space);
            self.push(match units {
                FrameUnits::Rows => "ROWS ",
                FrameUnits::Range => "RANGE ",
                FrameUnits::Groups => "GROUPS ",
            });
            match end {
                None => self.frame_bound(start)?,
                Some(end) => {
                    self.push("BETWEEN ");
                    self.frame_bound(start)?;
                    self.push(" AND ");
                    self.frame_bound(end)?;
                }
            }
        }
        Ok(())
    }

    fn frame_bound(&mut self, bound: &FrameBound) -> Printed {
        match bound {
            FrameBound::CurrentRow => self.push("CURRENT ROW"),
            FrameBound::UnboundedPreceding => self.push("UNBOUNDED PRECEDING"),
            FrameBound::UnboundedFollowing => self.push("UNBOUNDED FOLLOWING"),
            FrameBound::Preceding(expr) => {
                self.operand(expr)?;
                self.push(" PRECEDING");
            }
            FrameBound::Following(expr) => {
                self.operand(expr)?;
                self.push(" FOLLOWING");
            }
        }
        Ok(())
    }
}
