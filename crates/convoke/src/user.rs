//! `convoke user`.

use std::io::Write;

use anyhow::{Context, Result, bail};
use api::{AccountView, TelephoneView};
use convoke_types::E164;

use crate::cli::{User, UserCommand};
use crate::site::Site;
use crate::words::{moment, one_line};

/// Carries an operation on accounts out.
pub async fn run(options: User) -> Result<bool> {
    let site = Site::open(&options.installation.data)?;
    match options.command {
        UserCommand::List => list(&site).await?,
        UserCommand::Add { user, name } => add(&site, &user, name).await?,
        UserCommand::Telephone {
            user,
            number,
            label,
        } => telephone(&site, &user, &number, label).await?,
        UserCommand::Device { user, label } => {
            let aor = site.account(&user).await?.user;
            let device = site.mint_device(&aor, &label).await?;
            println!(
                "address   sip:{aor}\nuser name {}\nrealm     {}\npassword  {}\nid        {}",
                device.username, device.realm, device.password, device.id
            );
            eprintln!(
                "The password is shown this once. `convoke user revoke {} {}` takes it back.",
                aor.user(),
                device.id
            );
        }
        UserCommand::Password { user, stdin } => {
            let aor = site.account(&user).await?.user;
            let chosen = match stdin {
                true => Some(line_of_stdin()?),
                false => None,
            };
            match site.set_password(&aor, chosen.as_deref()).await? {
                Some(made) => {
                    println!("{made}");
                    eprintln!("The password of {aor} for signing in, shown this once.");
                }
                None => println!("{aor} has a new password for signing in."),
            }
            eprintln!(
                "Whoever was signed in is so no longer. Device passwords and tokens of programs stay good: `convoke user devices {0}`, `convoke user tokens {0}`.",
                aor.user()
            );
        }
        UserCommand::Token { user, days } => {
            let aor = site.account(&user).await?.user;
            let token = site.mint_token(&aor, "convoke user token", days).await?;
            println!("{}", token.token);
            eprintln!(
                "A token of {aor} for the SOAP and REST interfaces, good until {}; shown this once. `convoke user revoke-token {} {}` takes it back.",
                moment(token.expires_at),
                aor.user(),
                token.id
            );
        }
        UserCommand::Devices { user } => {
            let aor = site.account(&user).await?.user;
            for device in site.devices(&aor).await? {
                let (id, made) = (device.id, moment(device.created_at));
                println!("{id:>6}  made {made}  {}", one_line(&device.label));
            }
        }
        UserCommand::Tokens { user } => {
            let aor = site.account(&user).await?.user;
            for token in site.tokens(&aor).await? {
                let until = token
                    .expires_at
                    .map_or("for ever".to_owned(), |at| format!("until {}", moment(at)));
                println!("{:>6}  good {until}  {}", token.id, one_line(&token.label));
            }
        }
        UserCommand::RevokeToken { user, id } => {
            let aor = site.account(&user).await?.user;
            site.revoke_token(&aor, id).await.with_context(|| {
                format!("{} has no program's token with the id {id}", aor.user())
            })?;
            println!(
                "The token {id} of {aor} is no longer good, and the webhooks that it made are gone."
            );
        }
        UserCommand::Revoke { user, id } => {
            let aor = site.account(&user).await?.user;
            site.revoke_device(&aor, id).await.with_context(|| {
                format!(
                    "{} has no device password with the id {id} in force",
                    aor.user()
                )
            })?;
            println!("The device password {id} of {aor} is no longer good.");
        }
    }
    Ok(true)
}

fn line_of_stdin() -> Result<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

async fn list(site: &Site) -> Result<()> {
    let accounts = site.users().await?;
    if accounts.is_empty() {
        println!("There is no account yet; make one with `convoke user add NAME`.");
    }
    let mut out = std::io::stdout().lock();
    for account in &accounts {
        writeln!(out, "{}", line(account))?;
    }
    Ok(())
}

fn line(account: &AccountView) -> String {
    let telephones: Vec<String> = account
        .telephones
        .iter()
        .map(|telephone| {
            let mark = if telephone.default { "*" } else { "" };
            format!("{}{mark} {}", one_line(&telephone.label), telephone.number)
        })
        .collect();
    let telephones = match telephones.as_slice() {
        [] => "no telephone".to_owned(),
        some => some.join(", "),
    };
    let who = format!(
        "{:<28} {:<20}",
        account.user.to_string(),
        one_line(&account.name)
    );
    format!("{who} {telephones}")
}

async fn add(site: &Site, user: &str, name: Option<String>) -> Result<()> {
    let aor = site.aor(user)?;
    let known = site.user(&aor).await?.is_some();
    let name = match (known, name) {
        (true, None) => bail!("there is an account {aor} already; --name renames it"),
        (_, Some(name)) => name,
        (false, None) => aor.user().to_owned(),
    };
    site.save_user(&aor, &name).await?;
    if known {
        println!("{aor} is now called {}.", one_line(&name));
    } else {
        println!(
            "{aor} is made. Next: `convoke user telephone {0} +NUMBER`, `convoke user device {0}`.",
            aor.user()
        );
    }
    Ok(())
}

async fn telephone(site: &Site, user: &str, number: &str, label: String) -> Result<()> {
    let number: E164 = number.parse()?;
    if label.trim().is_empty() {
        bail!("expected a label such as work, mobile or home, came nothing");
    }
    let account = site.account(user).await?;
    let telephones = with(account.telephones, number.as_str(), label);
    site.save_telephones(&account.user, &telephones).await?;
    let shown: Vec<String> = telephones
        .iter()
        .map(|telephone| format!("{} {}", one_line(&telephone.label), telephone.number))
        .collect();
    println!("{}: {}", account.user, shown.join(", "));
    Ok(())
}

/// The telephones with this one: in place of the one with its label, else after the others; the first is the default.
fn with(mut telephones: Vec<TelephoneView>, number: &str, label: String) -> Vec<TelephoneView> {
    let same = telephones
        .iter_mut()
        .find(|telephone| telephone.label.eq_ignore_ascii_case(&label));
    match same {
        Some(telephone) => number.clone_into(&mut telephone.number),
        None => {
            let default = telephones.is_empty();
            telephones.push(TelephoneView {
                label,
                number: number.to_owned(),
                default,
                ..TelephoneView::default()
            });
        }
    }
    telephones
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telephone_is_added_or_changed_by_its_label() {
        let one = with(vec![], "+15550101", "work".into());
        assert!(one[0].default);
        let two = with(one, "+15550102", "mobile".into());
        assert!(!two[1].default);
        let changed = with(two, "+15550109", "Work".into());
        assert_eq!(changed.len(), 2);
        assert_eq!(
            (changed[0].number.as_str(), changed[0].default),
            ("+15550109", true)
        );
    }
}
