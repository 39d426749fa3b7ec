//! Groups of Unique-IDs that belong to one call. Groups only join; the smaller one moves into the
//! larger.

use std::collections::HashMap;

/// Disjoint groups of Unique-IDs, of channels seen or only named.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    of: HashMap<String, u64>,
    members: HashMap<u64, Vec<String>>,
    next: u64,
}

impl Groups {
    /// Returns the group of `uuid`; a new one if it has none.
    pub(super) fn group_or_new(&mut self, uuid: &str) -> u64 {
        if let Some(group) = self.of.get(uuid) {
            return *group;
        }
        let group = self.next;
        self.next += 1;
        self.of.insert(uuid.to_owned(), group);
        self.members.insert(group, vec![uuid.to_owned()]);
        group
    }

    /// Joins the groups of both and returns the result.
    pub(super) fn join(&mut self, one: &str, other: &str) -> u64 {
        let (a, b) = (self.group_or_new(one), self.group_or_new(other));
        if a == b {
            return a;
        }
        let size = |group| self.members.get(&group).map_or(0, Vec::len);
        let (large, small) = if size(a) < size(b) { (b, a) } else { (a, b) };
        let moved = self.members.remove(&small).unwrap_or_default();
        for uuid in &moved {
            self.of.insert(uuid.clone(), large);
        }
        self.members.entry(large).or_default().extend(moved);
        large
    }

    /// Returns the group of `uuid`; `None` if it has none.
    #[must_use]
    pub(super) fn of(&self, uuid: &str) -> Option<u64> {
        self.of.get(uuid).copied()
    }

    /// Returns the Unique-IDs of a group.
    #[must_use]
    pub(super) fn members(&self, group: u64) -> &[String] {
        self.members.get(&group).map_or(&[], Vec::as_slice)
    }

    /// Returns every group.
    pub(super) fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.members.keys().copied()
    }

    /// Forgets a group and returns its Unique-IDs.
    pub(super) fn remove(&mut self, group: u64) -> Vec<String> {
        let members = self.members.remove(&group).unwrap_or_default();
        for uuid in &members {
            self.of.remove(uuid);
        }
        members
    }

    /// Returns the number of Unique-IDs.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.of.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_join_through_a_common_member_and_leave_nothing_behind() {
        let mut groups = Groups::default();
        groups.join("a", "b");
        groups.join("c", "d");
        assert_ne!(groups.of("a"), groups.of("c"));
        let one = groups.join("b", "c");
        assert_eq!(groups.of("d"), Some(one));
        let mut members = groups.remove(one);
        members.sort();
        assert_eq!(members, ["a", "b", "c", "d"]);
        assert_eq!((groups.len(), groups.ids().count()), (0, 0));
    }
}
