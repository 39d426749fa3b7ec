//! Whose account a group of legs is of.

use super::{Kin, Role};
use crate::leg::Leg;
use crate::tenants::TenantVariables;

impl<'a> Kin<'a> {
    /// Returns whether the leg names an account, and a leg of the other one's group another.
    pub(super) fn is_of_another_account(&self, leg: usize, other: usize) -> bool {
        let group = self.group(other);
        let mut members = (0..self.legs.len()).filter(|member| self.group(*member) == group);
        let account = self.legs[leg].flow.account.as_ref();
        account.is_some_and(|account| {
            members.any(|member| {
                let named = self.legs[member].flow.account.as_ref();
                named.is_some_and(|named| named != account)
            })
        })
    }

    /// Returns whether two groups may be in one document. An agent's group belongs to an account
    /// only if it says so.
    pub(in super::super) fn same_account(&self, one: usize, other: usize) -> bool {
        let [one, other] = [self.account(one), self.account(other)];
        one.zip(other).is_none_or(|(one, other)| one == other)
    }

    /// Returns the name of the account that gets the group's document; the default one's is empty.
    pub(in super::super) fn account_of_document(&self, group: usize) -> String {
        let said = self.account(group);
        let account = said.unwrap_or_else(|| self.routed(group));
        account.unwrap_or_default().to_owned()
    }

    /// Returns the account of a group; `Some(None)` is the default one.
    fn account(&self, group: usize) -> Option<Option<&'a str>> {
        let members = self.members(group);
        let named = members.iter().find_map(|leg| {
            let inherited = leg
                .heritage
                .as_ref()
                .and_then(|from| from.account.as_deref());
            leg.flow.account.as_deref().or(inherited)
        });
        let made_by = || {
            let makers = (0..self.legs.len()).filter(|leg| self.group(*leg) == group);
            let mut makers = makers.filter_map(|leg| self.makers[leg]);
            makers.find_map(|maker| self.legs[maker].flow.account.as_deref())
        };
        let named = named.or_else(made_by);
        if named.is_some() {
            return Some(named);
        }
        if self.role(group) != Role::Customer {
            return None;
        }
        members.first()?;
        Some(self.routed(group))
    }

    /// Returns the account of the route that matches the group's first leg.
    fn routed(&self, group: usize) -> Option<&'a str> {
        let first = self.members(group).into_iter().next()?;
        let matched = self.tenants.of(TenantVariables {
            account: None,
            flow: None,
            did: first.own_number(),
            context: first.numbers.context.as_deref(),
        });
        matched.account
    }

    /// Returns the legs of a group in order of start.
    fn members(&self, group: usize) -> Vec<&'a Leg> {
        let members = (0..self.legs.len()).filter(|leg| self.group(*leg) == group);
        let mut members: Vec<&'a Leg> = members.map(|leg| self.legs[leg]).collect();
        members.sort_by_key(|leg| leg.created_us);
        members
    }
}
