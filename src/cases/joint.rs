//! Tellings in, joint complaints out: near the limit of Order 2020 No. 3, Art. 29, or at it.
//! Law: a head-count is the text's own; people are counted only where they came in person, each once.

use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

use super::telling::Telling;
use crate::case_settings::JointSettings;

/// Ids shown with one finding.
const MOST_IDS: usize = 10;

/// Many who complain as one.
#[derive(Debug, Clone, PartialEq)]
pub struct Joint {
    pub institution: String,
    pub type_: String,
    pub people: u32,
    /// The text says so; otherwise people were counted over `JointSettings::days`.
    pub is_stated: bool,
    /// They came in person, as the article has it.
    pub in_person: bool,
    pub ids: Vec<String>,
}

type Place = (i32, u32, u64);

/// The first ids, by place.
type First = BTreeMap<Place, String>;

/// The first ids are kept.
fn keep(ids: &mut First, place: Place, id: &str) {
    ids.insert(place, id.to_owned());
    if ids.len() > MOST_IDS {
        ids.pop_last();
    }
}

/// Counts over all people, one after the other.
#[derive(Debug, Default)]
pub struct JointCounting {
    counted: FxHashMap<(String, String), (u32, First)>,
    /// By institution, type and whether in person: of one happening many write.
    stated: FxHashMap<(String, String, bool), (u32, First)>,
}

impl JointCounting {
    /// One person's tellings: day, the night in which each was read, and whether this run read it.
    pub fn person<'t>(
        &mut self,
        tellings: impl Iterator<Item = (i32, i32, bool, &'t Telling)>,
        night: i32,
        settings: &JointSettings,
    ) {
        let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
        for (day, read, is_asked, telling) in tellings {
            let in_person = settings.in_person_channels.contains(&telling.channel);
            let place = (read, telling.input, telling.row);
            if is_asked && telling.people >= settings.near {
                let key = (
                    telling.institution.clone(),
                    telling.type_.clone(),
                    in_person,
                );
                let (people, ids) = self.stated.entry(key).or_default();
                *people = (*people).max(telling.people);
                keep(ids, place, &telling.id);
            }
            let is_recent = (night - settings.days + 1..=night).contains(&day);
            if is_recent && in_person && !telling.institution.is_empty() {
                let key = (telling.institution.clone(), telling.type_.clone());
                let (people, ids) = self.counted.entry(key).or_default();
                *people += u32::from(seen.insert((&telling.institution, &telling.type_)));
                keep(ids, place, &telling.id);
            }
        }
    }

    /// All findings: first the counted ones by institution and type, then the stated ones in the order of the inputs.
    pub fn found(self, settings: &JointSettings) -> Vec<Joint> {
        let mut counted: Vec<Joint> = self
            .counted
            .into_iter()
            .filter(|(_, (people, _))| *people >= settings.near)
            .map(|((institution, type_), (people, ids))| Joint {
                institution,
                type_,
                people,
                is_stated: false,
                in_person: true,
                ids: ids.into_values().collect(),
            })
            .collect();
        counted.sort_by(|a, b| (&a.institution, &a.type_).cmp(&(&b.institution, &b.type_)));
        let mut stated: Vec<(Option<Place>, Joint)> = self
            .stated
            .into_iter()
            .map(|((institution, type_, in_person), (people, ids))| {
                let first = ids.keys().next().copied();
                let joint = Joint {
                    institution,
                    type_,
                    people,
                    is_stated: true,
                    in_person,
                    ids: ids.into_values().collect(),
                };
                (first, joint)
            })
            .collect();
        stated.sort_by_key(|(first, _)| *first);
        counted.extend(stated.into_iter().map(|(_, joint)| joint));
        counted
    }
}
