// Walks the console as somebody would who has never seen it, with scripts and without, each in an organization of its own.
// PROBED_PORT, PROBED_PASSWORD and PROBED_CA are of a PostgreSQL that connections may be tested against.

import assert from 'node:assert/strict';
import { description, done, focused, HOSTILE, looks, step, tabs } from './lib.mjs';
import { says, somebody } from './person.mjs';

const { PROBED_PORT, PROBED_PASSWORD, PROBED_CA, PROBED_DATABASE, PROBED_USER } = process.env;

for (const script of [true, false]) {
  const how = script ? 'with scripts' : 'without scripts';
  const person = await somebody({ script, organization: how.replace(' ', '-') });
  const { organization, page, heading, link, button, status, alert, reads, make } = person;

  await step(`${how}, one signs in with an API key, and with no other`, async () => {
    await page.goto('/console');
    await reads('Sign in');
    const key = page.getByLabel('API key');
    await focused(page, key);
    await looks(page, 'console-sign-in');
    await page.keyboard.insertText('rpv_wrong');
    await page.keyboard.press('Enter');
    await says(alert, /./);
    await looks(page, 'console-sign-in-refused', { status: 401 });
    await key.fill(person.key);
    await tabs(page, page.getByLabel('Your name'));
    await page.keyboard.insertText('Ada Lovelace');
    await tabs(page, button('Sign in'));
    await page.keyboard.press('Enter');
    await heading.filter({ hasText: 'Connections' }).waitFor();
    for (const cookie of await page.context().cookies()) {
      assert.ok(cookie.httpOnly && ['Lax', 'Strict'].includes(cookie.sameSite), JSON.stringify(cookie));
    }
    await looks(page, 'console-connections-empty');
  });

  await step(`${how}, every page leads on by its navigation and has a way past it`, async () => {
    await page.reload();
    await tabs(page, link('Skip to the content'));
    const main = page.getByRole('navigation', { name: 'Main' });
    assert.equal(await main.getByRole('link', { name: /^Connections/ }).getAttribute('aria-current'), 'page');
    assert.equal(await main.getByRole('link', { name: /^Trash/ }).count(), 1);
    assert.equal(await button('Sign out').count(), 1);
  });

  await step(`${how}, a connection is made, and what is wrong is said at its field`, async () => {
    await link('New connection').click();
    await reads('New connection');
    await page.getByLabel('Kind of system').selectOption({ label: 'PostgreSQL' });
    await button('Show its fields').click();
    await page.getByRole('heading', { name: 'PostgreSQL' }).waitFor();
    await looks(page, 'console-new');
    await page.getByLabel('Name', { exact: true }).or(page.getByLabel(/^Name /)).fill('Sales');
    await page.getByLabel(/^Host/).fill('127.0.0.1');
    await page.getByLabel(/^Port/).fill('many');
    await page.getByLabel(/^Database/).fill(PROBED_DATABASE);
    await page.getByLabel(/^User name/).fill(PROBED_USER);
    await page.getByLabel(/^CA certificate/).fill(PROBED_CA);
    await button('Create connection').click();
    await says(alert, /Nothing was saved/);
    const port = page.getByLabel(/^Port/);
    assert.equal(await port.getAttribute('aria-invalid'), 'true');
    assert.match(await description(port), /Expected a whole number/);
    assert.equal(await page.getByLabel(/^Host/).inputValue(), '127.0.0.1', 'what was typed stays');
    await looks(page, 'console-new-wrong', { status: 422 });
    await port.fill(PROBED_PORT);
    await page.getByLabel(/^Password/).fill('wrong');
    await button('Create connection').click();
    await says(status, /'Sales' was created/);
    await reads('Sales');
    assert.equal(await page.getByLabel(/^Password/).inputValue(), '');
    await looks(page, 'console-created');
  });

  await step(`${how}, a test that fails says why, and the right password mends it`, async () => {
    const test = button('Update and test connection');
    await test.click();
    await says(alert, /Connection failed: .*password/s);
    await looks(page, 'console-test-failed');
    await page.getByLabel(/^Password/).fill(PROBED_PASSWORD);
    await test.click();
    await says(status, /Connection test succeeded/);
    assert.match(await description(page.getByLabel(/^Password/)), /Stored\. Leave empty to keep it\./);
    await looks(page, 'console-tested');
  });

  await step(`${how}, a link for whoever knows the password is shown once`, async () => {
    await button('Make a re-entry link').click();
    await page.getByRole('heading', { name: 'Re-entry link' }).waitFor();
    assert.match(await page.getByText(/\/enter\/rpe_/).innerText(), /^http/);
    await looks(page, 'console-reentry');
    await link('Back to the settings').click();
    await reads('Sales');
  });

  await step(`${how}, connections are listed, found and not found, whatever they are called`, async () => {
    for (const [, name] of HOSTILE) await make(name);
    await link('Connections').or(page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: /^Connections/ })).first().click();
    await reads('Connections');
    for (const [, name] of HOSTILE) assert.equal(await link(name).count(), 1, name);
    await looks(page, 'console-connections');
    const search = page.getByLabel('Search connections');
    await search.fill('sal');
    await search.press('Enter');
    await page.waitForURL(/q=sal/);
    assert.deepEqual(await page.getByRole('row').getByRole('link').allInnerTexts(), ['Sales']);
    await page.getByLabel('Search connections').fill('<i>nothing</i>');
    await button('Search').click();
    await page.getByText('No connections match').waitFor();
    await looks(page, 'console-connections-none');
    await link('Clear search').click();
    for (const [kind, name] of HOSTILE) {
      await link(name).click();
      await reads(name);
      if (kind === 'long' || kind === 'markup') await looks(page, `console-settings-${kind}`);
      await link('Archive').click();
      await page.getByRole('heading', { name: 'Move this connection to the trash' }).waitFor();
      if (kind === 'long') await looks(page, `console-archive-${kind}`);
      await button('Move to trash').click();
      const box = script ? page.getByRole('dialog') : page.getByRole('main');
      assert.ok((await box.innerText()).includes(name));
      await looks(page, `console-ask-${kind}`);
      await page.goto('/console/connections');
    }
  });

  await step(`${how}, what hangs on a connection is listed, and its Archive tab says what goes along`, async () => {
    const { id } = (await organization('GET', '/v1/connections?name=Sales')).data[0];
    for (let index = 0; index < 12; index += 1) {
      const model = await organization('POST', `/v1/connections/${id}/models`, { name: `model ${index}` }, 201);
      const content = { name: `chart ${index}`, kind: 'chart', model_id: model.id, body: {} };
      await organization('POST', `/v1/connections/${id}/content`, content, 201);
    }
    await link('Sales').click();
    await link('Content').click();
    await page.getByRole('row', { name: /chart 11/ }).waitFor();
    await page.getByRole('navigation', { name: 'Kinds' }).getByRole('link', { name: /^Models ?\d/ }).click();
    await page.getByRole('row', { name: /model 11/ }).waitFor();
    await looks(page, 'console-content');
    await link('Archive').click();
    await says(page.getByRole('main'), /12 models and 12 pieces of content/);
    await says(page.getByRole('main'), /Passwords and keys are destroyed now and must be entered again after a restore\./);
    await says(page.getByRole('main'), /can be restored until \d+ \w+ \d{4} \(30 days\)/);
    await looks(page, 'console-archive');
  });

  await step(`${how}, a connection goes to the trash only by its name, typed exactly`, async () => {
    const opener = button('Move to trash');
    await opener.focus();
    await page.keyboard.press('Enter');
    const box = script ? page.getByRole('dialog', { name: 'Move connection to trash?' }) : page.getByRole('main');
    await box.getByText('Type the name of the connection to confirm').waitFor();
    if (!script) await reads('Move connection to trash?');
    const field = box.getByRole('textbox');
    await focused(page, field);
    assert.match(await box.innerText(), /Sales[^]*12 models and 12 pieces of content/);
    await looks(page, 'console-ask');
    await page.keyboard.type('sales');
    await tabs(page, box.getByRole('button', { name: 'Move to trash' }));
    await page.keyboard.press('Enter');
    await says(box.getByRole('alert'), /The name does not match\. Type Sales exactly as shown\./);
    assert.match(await description(field), /does not match/);
    await looks(page, 'console-ask-wrong', { status: script ? 200 : 422 });
    if (script) {
      await page.keyboard.press('Escape');
      await box.waitFor({ state: 'hidden' });
      await focused(page, opener);
      await page.keyboard.press('Enter');
      assert.equal(await field.inputValue(), '', 'the dialog begins anew');
      await box.getByRole('button', { name: 'Cancel' }).press('Enter');
      await focused(page, opener);
      await page.keyboard.press('Enter');
    } else {
      await box.getByRole('link', { name: 'Cancel' }).click();
      await opener.click();
    }
    await field.fill('  Sales ');
    await page.keyboard.press('Enter');
    await says(status, /'Sales' was moved to the trash with 12 models and 12 pieces of content\. It will be purged on \d+ \w+ \d{4}\./);
    await reads('Connections');
    assert.equal(await link('Sales').count(), 0);
    await looks(page, 'console-deleted');
  });

  await step(`${how}, what is in the trash or nowhere is told so at its old address`, async () => {
    const { id } = (await organization('GET', '/v1/trash')).data[0].root;
    await page.goto(`/console/connections/${id}`);
    assert.match(await heading.innerText(), /in the trash/i);
    await looks(page, 'console-in-trash', { status: 404 });
    await page.goto('/console/nowhere');
    await reads('There is nothing here');
    await looks(page, 'console-nowhere', { status: 404 });
  });

  await step(`${how}, a form of a session that has ended changes nothing and leads to the door`, async () => {
    const id = await make('Kept');
    await page.goto(`/console/connections/${id}`);
    const tab = await page.context().newPage();
    await tab.goto('/console/connections');
    await tab.getByRole('button', { name: 'Sign out' }).click();
    await tab.getByRole('heading', { name: 'Sign in' }).waitFor();
    await tab.close();
    await page.getByLabel(/^Name/).first().fill('Changed');
    await button('Update and test connection').click();
    await reads('Sign in');
    await says(status, /Your session has ended/);
    await looks(page, 'console-ended');
    assert.equal((await organization('GET', `/v1/connections/${id}`)).name, 'Kept');
  });
}

await done();
