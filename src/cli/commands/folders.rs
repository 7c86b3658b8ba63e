//! `mailx folders`.

use serde::Serialize;

use crate::app::{self, FolderRow, Globals};
use crate::cli::args::Folders;
use crate::cli::exit::{self, Exit};
use crate::cli::explain::About;
use crate::cli::ui::json::{self, Failure, Summary};
use crate::cli::ui::{Ui, table, words};
use crate::model::{Result, Role};

#[derive(Serialize)]
struct AccountJson<'a> {
    name: &'a str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    folders: Vec<RowJson>,
}

#[derive(Serialize)]
struct RowJson {
    name: String,
    role: Option<&'static str>,
    listed: bool,
    there: Option<u64>,
    there_bytes: Option<u64>,
    here: Option<u64>,
    selected: bool,
}

/// Lists folders.
pub async fn run(args: &Folders, globals: &Globals, ui: &Ui) -> Result<Exit> {
    let target = args.at.target(&args.access, true)?;
    let accounts = app::folders::folders(globals, &target, &args.folders).await?;
    for account in &accounts {
        if let Err(error) = &account.folders {
            ui.fail(About::account(&account.name), error);
        }
    }
    if ui.json {
        let account = |account: &'_ app::AccountFolders| -> RowsOf {
            let rows = account.folders.as_deref().unwrap_or_default().iter().map(row_json).collect();
            RowsOf { error: json::failure(&account.folders), rows }
        };
        let accounts = accounts.iter().map(|listed| {
            let RowsOf { error, rows } = account(listed);
            AccountJson { name: &listed.name, ok: error.is_none(), error, folders: rows }
        });
        ui.out(&json::line(&Summary { accounts: accounts.collect(), error: None })?)?;
    } else {
        let several = accounts.len() > 1;
        let listed = accounts.iter().filter_map(|account| Some((&account.name, account.folders.as_ref().ok()?)));
        let rows: Vec<_> = listed.flat_map(|(name, rows)| rows.iter().map(move |row| cells(several.then_some(name), row))).collect();
        let name = several.then_some(("ACCOUNT", false));
        let rest = [("FOLDER", false), ("THERE", true), ("SIZE", true), ("HERE", true), ("", false)];
        let columns: Vec<table::Column> = name.into_iter().chain(rest).collect();
        if !rows.is_empty() {
            ui.out(&table::render(&columns, &rows))?;
        }
    }
    Ok(exit::combine(accounts.iter().map(|account| exit::of_result(&account.folders))))
}

struct RowsOf {
    error: Option<Failure>,
    rows: Vec<RowJson>,
}

fn row_json(row: &FolderRow) -> RowJson {
    RowJson {
        name: row.path.to_string(),
        role: row.role.map(Role::attribute),
        listed: row.listed,
        there: row.there,
        there_bytes: row.there_octets,
        here: row.here,
        selected: row.selected,
    }
}

fn cells(account: Option<&String>, row: &FolderRow) -> Vec<String> {
    let number = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), words::count);
    let role = row.role.filter(|role| *role != Role::Inbox).map(Role::attribute).unwrap_or_default();
    let left_out = if row.selected { "" } else { "(left out)" };
    let size = row.there_octets.map_or_else(|| "-".to_owned(), words::bytes);
    let notes = [role, left_out].join(" ").trim().to_owned();
    // There, but the server does not tell how much it holds.
    let there = if row.listed && row.there.is_none() { "?".to_owned() } else { number(row.there) };
    let rest = [row.path.to_string(), there, size, number(row.here), notes];
    account.cloned().into_iter().chain(rest).collect()
}
