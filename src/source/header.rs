//! Which column plays which role, and which holds the labels of which head: by the names in `data/columns.csv`, then by
//! `--map`.
//! Law: a message never shows a header cell, for a file without a header has a complaint there.

use std::path::Path;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::error::{Error, Fault, Result};
use crate::taxonomy::{Table, fold_label, head};

/// What a column is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Id,
    Text,
    Channel,
    ReceivedAt,
    Events,
    /// Who complains: kept as a key only.
    Complainant,
    /// Whom the complaint is about: a branch, a firm, a merchant.
    Institution,
}

impl Role {
    pub const ALL: [Role; 7] = [
        Role::Id,
        Role::Text,
        Role::Channel,
        Role::ReceivedAt,
        Role::Events,
        Role::Complainant,
        Role::Institution,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Role::Id => "id",
            Role::Text => "text",
            Role::Channel => "channel",
            Role::ReceivedAt => "received_at",
            Role::Events => "events",
            Role::Complainant => "complainant",
            Role::Institution => "institution",
        }
    }

    /// All names, for messages.
    pub(super) fn names() -> String {
        Role::ALL.map(Role::name).join(", ")
    }

    /// Read, and yet carried through to the output like a column that we do not read.
    pub(super) fn is_carried(self) -> bool {
        matches!(self, Role::Complainant | Role::Institution)
    }

    pub(super) fn parse(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|r| r.name() == name)
    }
}

/// A column of labels that belong to whichever head knows them: other tools know one list of labels only.
pub const ANY_LABEL: &str = "label";

/// Rows of `data/columns.csv` that name columns of labels.
const LABEL_COLUMNS: [&str; 5] = [
    head::TYPE,
    head::REASON,
    head::URGENCY,
    head::FLAGS,
    ANY_LABEL,
];

/// Known names of each role and of the label columns, and what the user mapped by hand.
#[derive(Debug, Clone, Default)]
pub struct ColumnNames {
    /// Shared by every input that is opened: a server opens one a request.
    names: Arc<FxHashMap<String, Role>>,
    labels: Arc<FxHashMap<String, &'static str>>,
    mapped: Vec<(String, Role)>,
}

impl ColumnNames {
    /// Reads `data/columns.csv` (`role,names`, names separated by `|`).
    pub fn load(path: &Path, faults: &mut Vec<Fault>) -> ColumnNames {
        let table = Table::read(path, &["role", "names"], faults);
        let mut out = ColumnNames::default();
        for row in table.rows() {
            let label = LABEL_COLUMNS.into_iter().find(|l| *l == row.get("role"));
            let role = Role::parse(row.get("role"));
            if label.is_none() && role.is_none() {
                faults.push(row.fault(
                    format!("unknown role `{}`", row.get("role")),
                    "use id, text, channel, received_at, events, complainant, institution, \
                     or type, reason, urgency, flags, label",
                ));
                continue;
            }
            let names = row.get("names").split('|').map(fold);
            for name in names.filter(|n| !n.is_empty()) {
                let twice = match (role, label) {
                    (Some(role), _) => {
                        let before = Arc::make_mut(&mut out.names).insert(name.clone(), role);
                        before.is_some_and(|r| r != role) || out.labels.contains_key(&name)
                    }
                    (None, Some(label)) => {
                        let before = Arc::make_mut(&mut out.labels).insert(name.clone(), label);
                        before.is_some_and(|l| l != label) || out.names.contains_key(&name)
                    }
                    (None, None) => false,
                };
                if twice {
                    faults.push(row.fault(
                        format!("`{name}` names two roles"),
                        "keep it with one of them",
                    ));
                }
            }
        }
        for role in Role::ALL {
            Arc::make_mut(&mut out.names).insert(role.name().to_owned(), role);
        }
        out
    }

    /// Takes `--map 投诉描述=text`.
    pub fn map(&mut self, rules: &[String]) -> Result<()> {
        for rule in rules {
            let parsed = rule
                .split_once('=')
                .and_then(|(column, role)| Some((column.trim(), Role::parse(role.trim())?)));
            let Some((column, role)) = parsed else {
                return Err(Error::Usage(format!(
                    "--map {rule}: write COLUMN=ROLE, ROLE being id, text, channel, received_at, events, complainant or institution"
                )));
            };
            if self.mapped.iter().any(|(_, r)| *r == role) {
                return Err(Error::Usage(format!(
                    "--map: two columns for `{}`",
                    role.name()
                )));
            }
            self.mapped.push((column.to_owned(), role));
        }
        Ok(())
    }

    /// Reads `column` as `role`, whatever the table calls it.
    pub fn assign(&mut self, column: &str, role: Role) {
        self.mapped.push((column.trim().to_owned(), role));
    }

    /// Where the labels of `column` stand among named columns: under that very name, under it in other width or case,
    /// or under a name that the table gives to the head of that name. Two of the last are `Err`.
    pub(crate) fn label_place<'n>(
        &self,
        column: &str,
        cells: impl Iterator<Item = &'n str> + Clone,
    ) -> std::result::Result<Option<usize>, ()> {
        if let Some(at) = cells.clone().position(|c| c.trim() == column) {
            return Ok(Some(at));
        }
        let folded = fold(column);
        if let Some(at) = cells.clone().position(|c| fold(c) == folded) {
            return Ok(Some(at));
        }
        let known = |c: &str| self.labels.get(&fold(c)).is_some_and(|l| *l == column);
        let mut found = cells.enumerate().filter(|(_, c)| known(c));
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(()),
            (first, _) => Ok(first.map(|(at, _)| at)),
        }
    }

    /// The known name that is nearest to `name`, and what it is read as; `None` if none is near, or `name` is known.
    pub(super) fn near(&self, name: &str) -> Option<(&str, &'static str)> {
        let folded = fold(name);
        if self.names.contains_key(&folded) || self.labels.contains_key(&folded) {
            return None;
        }
        let name = fold_label(name);
        let roles = self
            .names
            .iter()
            .map(|(known, r)| (known.as_str(), r.name()));
        let labels = self.labels.iter().map(|(known, l)| (known.as_str(), *l));
        roles
            .chain(labels)
            .map(|(known, role)| {
                (
                    strsim::normalized_damerau_levenshtein(known, &name),
                    known,
                    role,
                )
            })
            .filter(|(likeness, ..)| *likeness >= NEAR)
            // Of equals the first by name: the table is a map.
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))
            .map(|(_, known, role)| (known, role))
    }

    /// The role that a column of this name plays.
    pub fn role(&self, name: &str) -> Option<Role> {
        if let Some((_, role)) = self.mapped.iter().find(|(c, _)| c == name.trim()) {
            return Some(*role);
        }
        let role = *self.names.get(&fold(name))?;
        // A column mapped by hand takes the role away from the names we know.
        (!self.mapped.iter().any(|(_, r)| *r == role)).then_some(role)
    }
}

/// Two names of which three letters in four are the same are near; chosen.
const NEAR: f64 = 0.7;

fn fold(name: &str) -> String {
    name.trim().trim_start_matches('\u{feff}').to_lowercase()
}

/// A column that is not read, though its name is near a known one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearName {
    /// From 1.
    pub column: usize,
    pub known: String,
    /// The role or head that the known name stands for.
    pub role: &'static str,
}

/// The columns of one delimited file.
#[derive(Debug, Clone, Default)]
pub struct Header {
    pub(super) n_columns: usize,
    pub(super) roles: FxHashMap<Role, usize>,
    pub(super) labels: Vec<Option<usize>>,
    /// Labels of a cell are joined by `#`, as doccano exports them.
    pub(super) joined_by_hash: bool,
    pub(super) carried: Vec<usize>,
    /// Names of the carried columns, as they came.
    pub carried_names: Vec<String>,
    pub(super) near: Vec<NearName>,
}

impl Header {
    /// Reads a header row; `labels` names the columns that hold given labels, `carry_all` carries those that are read, too.
    pub(super) fn read(
        cells: &[String],
        names: &ColumnNames,
        labels: &[String],
        carry_all: bool,
        file: &str,
    ) -> Result<Header> {
        let mut header = Header {
            n_columns: cells.len(),
            labels: vec![None; labels.len()],
            ..Header::default()
        };
        for (i, cell) in cells.iter().enumerate() {
            let Some(role) = names.role(cell) else {
                continue;
            };
            // Of two columns that are carried anyway, the first is read.
            if role.is_carried() && header.roles.contains_key(&role) {
                continue;
            }
            if header.roles.insert(role, i).is_some() {
                return Err(Error::Usage(format!(
                    "{file}:1: two columns can be read as `{0}`: choose one with --map COLUMN={0}",
                    role.name()
                )));
            }
        }
        for (k, label) in labels.iter().enumerate() {
            let place = names.label_place(label, cells.iter().map(String::as_str));
            header.labels[k] = place.map_err(|()| {
                Error::Usage(format!(
                    "{file}:1: two columns can be read as the labels of `{label}`: choose one with --head COLUMN={label}"
                ))
            })?;
        }
        if !labels.is_empty() && !header.roles.contains_key(&Role::Text) {
            // doccano's CSV: id, data, label.
            if let Some(at) = cells.iter().position(|c| fold(c) == "data") {
                header.roles.insert(Role::Text, at);
                header.joined_by_hash = true;
            }
        }
        for (i, cell) in cells.iter().enumerate() {
            let is_taken = |(role, at): (&Role, &usize)| *at == i && !role.is_carried();
            let is_read = header.roles.iter().any(is_taken) || header.labels.contains(&Some(i));
            if carry_all || !is_read {
                header.carried.push(i);
                header.carried_names.push(cell.trim().to_owned());
            }
            if !is_read && let Some((known, role)) = names.near(cell) {
                header.near.push(NearName {
                    column: i + 1,
                    known: known.to_owned(),
                    role,
                });
            }
        }
        if !header.roles.contains_key(&Role::Text) {
            let near = header.near.iter().find(|n| n.role == Role::Text.name());
            let near = near.map_or_else(String::new, |n| {
                format!("; the name of column {} is near `{}`", n.column, n.known)
            });
            return Err(Error::Usage(format!(
                "{file}:1: none of the {} columns is known as the complaint text{near}: the first row must be a header; \
                 name the column with --map COLUMN=text (or rename it to 投诉内容), and check --delimiter{}",
                cells.len(),
                if labels.is_empty() {
                    ""
                } else {
                    "; for a file without header, name its columns, e.g. --columns label,text"
                }
            )));
        }
        Ok(header)
    }
}
