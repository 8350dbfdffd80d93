//! How far a page walks where many rows may be passed over before one is found.

use crate::domain::id::OrganizationId;

use super::super::failure::Answer;
use super::super::query::Db;
use super::super::query::all;
use super::Found;
use super::Order;
use super::Walk;
use super::begun;
use super::place::Place;

/// The most rows that are walked for a page. One that would walk more ends before it is full.
const LONGEST: usize = 1_000;

/// A table by whose index a part is walked.
pub(super) struct Stretch {
    /// The table.
    pub(super) from: &'static str,
    /// Which of its rows are walked, by what is in the index.
    pub(super) conditions: Vec<String>,
}

impl Found {
    /// The last row of this page's stretch, unless all that is left is no longer than one.
    pub(super) async fn end_of_stretch(
        &self,
        db: &mut Db,
        part: usize,
        among: Option<&[OrganizationId]>,
        after: Option<&Place>,
    ) -> Answer<Option<Place>> {
        let (Some(stretch), Order::Walked(walk)) = (&self.stretch, self.order) else {
            return Ok(None);
        };
        let Walk {
            organization,
            number,
            id,
        } = walk;
        let order = walk.columns();
        let conditions = begun(&stretch.conditions, (organization, &order), among, after);
        let select = format!(
            "SELECT {organization} AS organization_id, {number} AS number, {id} AS id
             FROM {}",
            stretch.from
        );
        let rest = format!("ORDER BY {order} LIMIT 2 OFFSET {}", LONGEST - 1);
        let rows = all(db, conditions.statement(&select, &rest)).await?;
        let [last, _more] = rows.as_slice() else {
            return Ok(None);
        };
        let walked = (
            last.text("organization_id")?.to_owned(),
            last.integer("number")?,
        );
        Ok(Some(Place {
            part,
            walked: Some(walked),
            id: last.text("id")?.to_owned(),
        }))
    }
}
