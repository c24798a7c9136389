// Walks the pages of re-entry links as whoever got a link would, with scripts and without.
// PROBED_PORT, PROBED_PASSWORD and PROBED_CA are of a PostgreSQL that connections may be tested against.

import assert from 'node:assert/strict';
import { call, description, done, focused, HOSTILE, looks, step, tabs, visit } from './lib.mjs';

const { PROBED_PORT, PROBED_PASSWORD, PROBED_CA, PROBED_DATABASE, PROBED_USER } = process.env;

let number = 0;

// A connection whose secrets are gone: it was deleted and restored. `hints` tell where they can be found.
async function restored(connector, settings, name, hints) {
  number += 1;
  const secrets = Object.fromEntries(Object.keys(hints).map((key) => [key, 'before the deletion']));
  const connection = { name: name || `sales ${number}`, connector, settings, secrets, source_hints: hints };
  const { id } = await call('POST', '/v1/connections', connection, 201);
  const entry = await call('DELETE', `/v1/connections/${id}`);
  await call('POST', `/v1/trash/${entry.id}/restore`, {});
  return id;
}

// There is no way to test it.
const exasol = (name, hint) => restored('exasol', { host: 'exasol.example.com', username: 'bi' }, name, { password: hint });

const postgres = () => {
  const settings = { host: '127.0.0.1', port: Number(PROBED_PORT), database: PROBED_DATABASE, username: PROBED_USER };
  return restored('postgres', { ...settings, ca_certificate: PROBED_CA }, null, { password: 'vault: sales' });
};

async function link(id, body) {
  return (await call('POST', `/v1/connections/${id}/reentry-session`, body, 201)).url;
}

const heading = (page) => page.getByRole('heading', { level: 1 });
const button = (page, name) => page.getByRole('button', { name, exact: true });
const field = (page, name) => page.getByLabel(name);

async function follow(page, url) {
  await page.goto(url);
  await button(page, 'Continue').click();
}

for (const script of [true, false]) {
  const how = script ? 'with scripts' : 'without scripts';
  const page = await visit({ script });

  await step(`${how}, a link says what it is for and leads to the form by keyboard alone`, async () => {
    const id = await exasol(`warehouse ${how}`, 'vault: warehouse/exasol');
    await page.goto(await link(id));
    assert.equal(await heading(page).innerText(), 'Re-enter secrets');
    await looks(page, 'reentry-link');
    await tabs(page, button(page, 'Continue'));
    await page.keyboard.press('Enter');
    await page.waitForURL('**/enter');
    assert.equal(await heading(page).innerText(), `warehouse ${how}`);
    const password = field(page, 'Password');
    assert.match(await description(password), /Where to find it: vault: warehouse\/exasol/);
    await looks(page, 'reentry-form');
  });

  await step(`${how}, what is missing is said at its field, in words and by name`, async () => {
    await tabs(page, field(page, 'Password'));
    await page.keyboard.press('Enter');
    const alert = page.getByRole('alert');
    assert.match(await alert.innerText(), /Nothing was saved/);
    await focused(page, alert);
    assert.match(await page.title(), /^Error: /);
    const password = field(page, 'Password');
    assert.equal(await password.getAttribute('aria-invalid'), 'true');
    assert.match(await description(password), /This is missing: please enter it\./);
    await looks(page, 'reentry-error', { status: 422 });
  });

  await step(`${how}, Enter in the field is enough, and the end says that it is one`, async () => {
    await tabs(page, field(page, 'Password'));
    await page.keyboard.type('known to a person');
    await page.keyboard.press('Enter');
    await page.getByRole('status').waitFor();
    assert.equal(await heading(page).innerText(), 'Thank you');
    assert.match(await page.getByRole('status').innerText(), /What you entered is saved/);
    await looks(page, 'reentry-saved');
  });

  await step(`${how}, a wrong password is told with its reason, and the right one after it is tested`, async () => {
    await follow(page, await link(await postgres(), { redirect_uri: 'https://app.example.com/connections' }));
    await field(page, 'Password').fill('wrong');
    await button(page, 'Update and test connection').click();
    const alert = page.getByRole('alert');
    assert.match(await alert.innerText(), /^Connection failed: .* What you entered is saved\./s);
    assert.equal(await field(page, 'Password').inputValue(), '', 'what was entered is on no page');
    await looks(page, 'reentry-failed');
    await tabs(page, field(page, 'Password'));
    await page.keyboard.insertText(PROBED_PASSWORD);
    await button(page, 'Update and test connection').click();
    await page.getByRole('status').waitFor();
    assert.match(await page.getByRole('status').innerText(), /Connection test succeeded/);
    const back = page.getByRole('link', { name: 'Go back to app.example.com' });
    assert.match(await back.getAttribute('href'), /^https:\/\/app\.example\.com\/connections\?auth_code=rpa_/);
    await looks(page, 'reentry-thanks');
    await tabs(page, back);
  });

  await step(`${how}, several secrets are entered in their order, a key of many lines as it is`, async () => {
    const settings = { account: 'a', username: 'u', host: '127.0.0.1' };
    const hints = { password: 'vault: snowflake/password', private_key: 'with Ann, ext. 4711' };
    const id = await restored('snowflake', settings, null, hints);
    await follow(page, await link(id));
    await looks(page, 'reentry-key');
    const [password, key, passphrase] = ['Password', /^Private key(?! passphrase)/, 'Private key passphrase'].map((name) => field(page, name));
    await tabs(page, password, key);
    await page.keyboard.insertText('-----BEGIN PRIVATE KEY-----\nMIIE\n\n  AQEF\n-----END PRIVATE KEY-----\n');
    await tabs(page, passphrase, button(page, 'Update and test connection'));
    await page.keyboard.press('Space');
    await page.getByRole('alert').waitFor();
    const { secrets } = await call('GET', `/v1/connections/${id}/secrets`);
    assert.deepEqual(secrets, { private_key: '-----BEGIN PRIVATE KEY-----\nMIIE\n\n  AQEF\n-----END PRIVATE KEY-----\n' });
    assert.match(await description(key), /Stored\. Leave empty to keep it\./);
    await looks(page, 'reentry-key-failed');
  });

  await step(`${how}, a link that was used says so, and so does one of a connection that is gone`, async () => {
    const id = await exasol(`gone ${how}`, 'x');
    const url = await link(id);
    await follow(page, url);
    const other = await visit({ script });
    await other.goto(url);
    assert.equal(await heading(other).innerText(), "This link can't be used any more");
    await looks(other, 'reentry-gone', { status: 410 });
    await other.context().close();
    await call('DELETE', `/v1/connections/${id}`);
    await field(page, 'Password').fill('too late');
    await button(page, 'Update connection').click();
    await page.getByRole('alert').waitFor();
    assert.equal(await heading(page).innerText(), "This link can't be used any more");
  });

  await step(`${how}, a form that another link has overtaken is out of date`, async () => {
    const [first, second] = [await exasol(`first ${how}`, 'x'), await exasol(`second ${how}`, 'x')];
    await follow(page, await link(first));
    const tab = await page.context().newPage();
    await follow(tab, await link(second));
    await field(page, 'Password').fill('for the first alone');
    await button(page, 'Update connection').click();
    await page.getByRole('alert').waitFor();
    assert.equal(await page.getByRole('alert').innerText(), 'This page is out of date. Reload it and try again.');
    await looks(page, 'reentry-out-of-date', { status: 403 });
    await call('GET', `/v1/connections/${second}/secrets`, undefined, 409);
    await tab.close();
  });

  for (const [kind, text] of HOSTILE) {
    await step(`${how}, a name and a hint are shown as they are: ${kind}`, async () => {
      const name = `${text} ${script ? 1 : 2}`;
      await follow(page, await link(await exasol(name, text)));
      assert.equal(await heading(page).innerText(), name);
      assert.ok((await description(field(page, 'Password'))).includes(`Where to find it: ${text}`));
      await looks(page, `reentry-form-${kind}`);
      await field(page, 'Password').fill('p');
      await button(page, 'Update connection').click();
      await page.getByRole('status').waitFor();
      assert.ok((await page.getByRole('main').innerText()).includes(name));
      await looks(page, `reentry-saved-${kind}`);
    });
  }
}

await done();
