//! Which column plays which role: by the names in `data/columns.csv`, then by `--map`.
//! Law: a message never shows a header cell, for a file without a header has a complaint there.

use std::path::Path;

use rustc_hash::FxHashMap;

use crate::error::{Error, Fault, Result};
use crate::taxonomy::Table;

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
    const ALL: [Role; 7] = [
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

/// Known names of each role, and what the user mapped by hand.
#[derive(Debug, Clone, Default)]
pub struct ColumnNames {
    names: FxHashMap<String, Role>,
    mapped: Vec<(String, Role)>,
}

impl ColumnNames {
    /// Reads `data/columns.csv` (`role,names`, names separated by `|`).
    pub fn load(path: &Path, faults: &mut Vec<Fault>) -> ColumnNames {
        let table = Table::read(path, &["role", "names"], faults);
        let mut out = ColumnNames::default();
        for row in table.rows() {
            let Some(role) = Role::parse(row.get("role")) else {
                faults.push(row.fault(
                    format!("unknown role `{}`", row.get("role")),
                    "use id, text, channel, received_at, events, complainant or institution",
                ));
                continue;
            };
            for name in row.get("names").split('|').map(fold) {
                if !name.is_empty()
                    && out
                        .names
                        .insert(name.clone(), role)
                        .is_some_and(|r| r != role)
                {
                    faults.push(row.fault(
                        format!("`{name}` names two roles"),
                        "keep it with one of them",
                    ));
                }
            }
        }
        for role in Role::ALL {
            out.names.insert(role.name().to_owned(), role);
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

    pub(super) fn role(&self, name: &str) -> Option<Role> {
        if let Some((_, role)) = self.mapped.iter().find(|(c, _)| c == name.trim()) {
            return Some(*role);
        }
        let role = *self.names.get(&fold(name))?;
        // A column mapped by hand takes the role away from the names we know.
        (!self.mapped.iter().any(|(_, r)| *r == role)).then_some(role)
    }
}

fn fold(name: &str) -> String {
    name.trim().trim_start_matches('\u{feff}').to_lowercase()
}

/// The columns of one delimited file.
#[derive(Debug, Clone, Default)]
pub struct Header {
    pub(super) n_columns: usize,
    pub(super) roles: FxHashMap<Role, usize>,
    pub(super) labels: Vec<Option<usize>>,
    pub(super) carried: Vec<usize>,
    /// Names of the carried columns, as they came.
    pub carried_names: Vec<String>,
}

impl Header {
    /// Reads a header row; `labels` names the columns that hold given labels.
    pub(super) fn read(
        cells: &[String],
        names: &ColumnNames,
        labels: &[String],
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
        for (i, cell) in cells.iter().enumerate() {
            if let Some(k) = labels.iter().position(|l| l == cell.trim()) {
                header.labels[k] = Some(i);
            }
        }
        for (i, cell) in cells.iter().enumerate() {
            let is_taken = |(role, at): (&Role, &usize)| *at == i && !role.is_carried();
            if !header.roles.iter().any(is_taken) && !header.labels.contains(&Some(i)) {
                header.carried.push(i);
                header.carried_names.push(cell.trim().to_owned());
            }
        }
        if !header.roles.contains_key(&Role::Text) {
            return Err(Error::Usage(format!(
                "{file}:1: none of the {} columns is known as the complaint text: the first row must be a header; \
                 name the column with --map COLUMN=text (or rename it to 投诉内容), and check --delimiter",
                cells.len()
            )));
        }
        if let Some(k) = header.labels.iter().position(Option::is_none) {
            return Err(Error::Usage(format!(
                "{file}:1: the header has no column `{}` that --head asks for",
                labels[k]
            )));
        }
        Ok(header)
    }
}
