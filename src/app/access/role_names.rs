//! Roles that a body names.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::id::RoleId;
use crate::domain::role::Role;
use crate::store::Change;
use crate::store::StoreError;

use super::super::lookup;
use super::reading::Reading;

impl Reading<'_> {
    /// The roles of these names or ids, each once, in the order of their ids. One that is unknown is
    /// noted. `at` is where they stand in the body.
    pub(in crate::app) async fn roles(
        &mut self,
        rows: &mut dyn Change,
        at: &str,
        names: &[String],
    ) -> Result<Vec<Arc<Role>>, StoreError> {
        let mut roles: BTreeMap<RoleId, Arc<Role>> = BTreeMap::new();
        for (position, name) in names.iter().enumerate() {
            let found = match lookup::role(name) {
                Some(lookup) => rows.find_role(self.within.id(), &lookup).await?,
                None => None,
            };
            let Some(role) = found else {
                let at = format!("{at}/{position}");
                self.unknown.roles.push((at, name.clone()));
                continue;
            };
            roles.insert(role.id, Arc::new(role));
        }
        Ok(roles.into_values().collect())
    }
}
