//! The sample data, written for this project: a small shop's warehouse, its branches, and a CRM.

use serde_json::{Value, json};
use uuid::Uuid;

pub(super) const WAREHOUSE: &str = "warehouse";
pub(super) const INTEGRATION: &str = "crm-prod";
pub(super) const CRM: [&str; 2] = ["crm-north", "crm-south"];
pub(super) const BRANCHES: [&str; 9] = [
    "shop-bremen",
    "shop-dresden",
    "shop-erfurt",
    "shop-hamburg",
    "shop-kassel",
    "shop-leipzig",
    "shop-mainz",
    "shop-rostock",
    "shop-ulm",
];

/// What stands on the warehouse.
pub(super) const MODELS: i64 = 3;
pub(super) const CONTENT: i64 = 20;
pub(super) const LINKS: i64 = 19;

const CHARTS: [(&str, &str); 16] = [
    ("Revenue by month", "orders"),
    ("Revenue by country", "orders"),
    ("Orders by weekday", "orders"),
    ("Average basket", "orders"),
    ("Returns", "orders"),
    ("Open orders", "orders"),
    ("New customers", "customers"),
    ("Customers by country", "customers"),
    ("Returning customers", "customers"),
    ("Newsletter readers", "customers"),
    ("Complaints", "customers"),
    ("Best sellers", "products"),
    ("Slow sellers", "products"),
    ("Stock by branch", "products"),
    ("Prices over time", "products"),
    ("Margin by group", "products"),
];
const DASHBOARDS: [&str; 4] = ["Sales", "Customers", "Products", "Monday meeting"];

/// A secret that no other is like.
pub(super) fn secret() -> String {
    Uuid::new_v4().simple().to_string()
}

pub(super) fn postgres(name: &str, password: &str) -> Value {
    json!({
        "name": name,
        "connector": "postgres",
        "settings": {"host": format!("{name}.example.com"), "database": "shop", "username": "reader"},
        "secrets": {"password": password},
        "source_hints": {"password": format!("vault: bi/{name}")},
    })
}

pub(super) fn models() -> Value {
    let model = |name: &str, table: &str| json!({"name": name, "external_id": name, "kind": "dataset", "body": {"table": table}});
    json!({"items": [model("orders", "shop.orders"), model("customers", "crm.customers"), model("products", "shop.products")]})
}

/// Charts of the models, and dashboards that refer to charts: three of them to five or six each, the last to the other three.
pub(super) fn content() -> Value {
    let dashboards = ["orders", "customers", "products"];
    let chart = |(name, model): &(&str, &str)| {
        json!({
            "name": name, "external_id": external_id(name), "kind": "chart", "model_external_id": model,
            "body": {"type": "bar", "limit": 10.50},
        })
    };
    let mut items: Vec<Value> = CHARTS.iter().map(chart).collect();
    for (number, name) in DASHBOARDS.iter().enumerate() {
        let links: Vec<Value> = match dashboards.get(number) {
            Some(model) => CHARTS
                .iter()
                .filter(|(_, of)| of == model)
                .map(|(name, _)| link(name))
                .collect(),
            None => DASHBOARDS
                .iter()
                .take(number)
                .map(|name| link(name))
                .collect(),
        };
        items.push(json!({"name": name, "external_id": external_id(name), "kind": "dashboard", "links": links}));
    }
    json!({ "items": items })
}

pub(super) fn integration(client_secret: &str) -> Value {
    json!({
        "key": INTEGRATION,
        "name": "CRM, production",
        "connector": "oauth2",
        "settings": {"token_url": "https://login.example.com/token", "client_id": "reprieve"},
        "secrets": {"client_secret": client_secret},
    })
}

pub(super) fn member(name: &str, token: &str) -> Value {
    json!({
        "name": name,
        "connector": "oauth2",
        "integration": INTEGRATION,
        "external_id": name,
        "settings": {"base_url": "https://crm.example.com"},
        "secrets": {"access_token": token},
    })
}

fn external_id(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

fn link(name: &str) -> Value {
    json!({"external_id": external_id(name)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_as_much_as_it_says() {
        let items = |batch: &Value| batch["items"].as_array().unwrap().clone();
        assert_eq!(items(&models()).len(), usize::try_from(MODELS).unwrap());
        let content = items(&content());
        assert_eq!(content.len(), usize::try_from(CONTENT).unwrap());
        let links = content.iter().filter_map(|item| item["links"].as_array());
        assert_eq!(
            links.map(Vec::len).sum::<usize>(),
            usize::try_from(LINKS).unwrap()
        );
    }
}
