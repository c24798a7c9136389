// Walks the trash as somebody would who has lost something: it is found, looked at, brought back, kept and deleted for
// good. PROBED_PORT and so on are of a PostgreSQL that a restored connection is tested against.

import assert from 'node:assert/strict';
import { description, done, focused, HOSTILE, looks, step, tabs } from './lib.mjs';
import { says, signedIn } from './person.mjs';

const { PROBED_PORT, PROBED_PASSWORD, PROBED_CA, PROBED_DATABASE, PROBED_USER } = process.env;

for (const script of [true, false]) {
  const how = script ? 'with scripts' : 'without scripts';
  const person = await signedIn({ script, organization: how.replace(' ', '-') });
  const { organization, page, heading, link, button, main, navigation, status, alert, reads, make, remove } = person;
  const row = (name) => page.getByRole('row').filter({ has: link(name) });
  const trash = async (query = '') => {
    await page.goto(`/console/trash${query}`);
    await reads('Trash');
  };
  const names = () => page.getByRole('rowheader').getByRole('link').allInnerTexts();
  const model = async (connection, name) => (await organization('POST', `/v1/connections/${connection}/models`, { name }, 201)).id;
  const chart = async (connection, name, more) =>
    (await organization('POST', `/v1/connections/${connection}/content`, { name, kind: 'chart', body: {}, ...more }, 201)).id;
  const state = async (entry) => (await organization('GET', `/v1/trash/${entry}`)).state;

  await step(`${how}, an empty trash says what it is for`, async () => {
    await navigation.getByRole('link', { name: /^Trash/ }).click();
    await reads('Trash');
    await says(main, 'Things in the trash are purged 30 days after deletion. Secrets were destroyed when they were deleted.');
    await says(main, 'The trash is empty. Deleted connections stay here for 30 days.');
    await looks(page, 'trash-empty');
  });

  // What there is from now on: a large connection whose password's owner is known, with something that another one's
  // chart used; a model and a chart by themselves; hostile names; one that goes tomorrow.
  const settings = { host: '127.0.0.1', port: Number(PROBED_PORT), database: PROBED_DATABASE, username: PROBED_USER, ca_certificate: PROBED_CA };
  const sales = await make('Sales', { settings, source_hints: { password: '1Password, vault Sales' } });
  const kept = await make('Finance');
  for (let index = 0; index < 12; index += 1) {
    await chart(sales, `chart ${index}`, { model_id: await model(sales, `model ${index}`) });
  }
  const overview = (await organization('GET', `/v1/connections/${sales}/content`)).data[0].id;
  await chart(kept, 'Quarter on one page', { links: [{ content_id: overview }] });
  const salesEntry = await remove(sales);
  const modelEntry = await remove(await model(kept, 'Margins'), 'models');
  await remove(await chart(kept, 'Old chart'), 'content');
  for (const [, name] of HOSTILE) await remove(await make(name));
  await organization('PUT', '/v1/retention', { retention_days: 1 });
  await remove(await make('Forgotten'));
  await organization('PUT', '/v1/retention', { retention_days: 30 });

  await step(`${how}, what was deleted is listed with what went along, who did it, and when it goes`, async () => {
    await trash();
    await says(row('Sales'), '12 models and 12 pieces of content');
    await says(row('Sales').getByRole('cell'), /in (29|30) days/);
    await says(row('Forgotten'), 'soon');
    assert.equal((await names())[0], 'Forgotten', 'what goes first is first');
    assert.equal(await navigation.getByRole('link', { name: 'Trash 8' }).count(), 1);
    const picture = page.getByRole('img', { name: /To be purged in the next 30 days: 8 entries/ });
    assert.equal(await picture.count(), 1);
    for (const [, name] of HOSTILE) assert.equal(await link(name).count(), 1, name);
    await looks(page, 'trash');
    await page.setViewportSize({ width: 320, height: 900 });
    const restore = row('Sales').getByRole('button', { name: 'Restore Sales' });
    await restore.scrollIntoViewIfNeeded();
    const box = await restore.boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 320, 'Restore is in sight on a narrow screen');
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  await step(`${how}, an entry is found by its kind, its name and who deleted it`, async () => {
    const kinds = page.getByRole('navigation', { name: 'Kinds' });
    await kinds.getByRole('link', { name: 'Models 1' }).click();
    assert.deepEqual(await names(), ['Margins']);
    assert.equal(await kinds.getByRole('link', { name: 'Models 1' }).getAttribute('aria-current'), 'page');
    await looks(page, 'trash-models');
    await kinds.getByRole('link', { name: 'Connections 6' }).click();
    await page.getByLabel('Search trash').fill('sal');
    await page.getByLabel('Search trash').press('Enter');
    await page.waitForURL(/q=sal/);
    assert.deepEqual(await names(), ['Sales']);
    await page.getByLabel('Search trash').fill('<i>foo</i>');
    await button('Search').click();
    await says(main, /No connections match “<i>foo<\/i>”\./);
    await looks(page, 'trash-none');
    await link('Clear search').click();
    assert.equal((await names()).length, 6);
    await page.getByLabel('Deleted by').selectOption('Me');
    await page.getByLabel('Deleted', { exact: true }).selectOption('Last 7 days');
    await page.getByLabel('Sort').selectOption('Newest deletions first');
    await button('Search').click();
    await page.waitForURL(/sort=newest/);
    await says(main, 'No connections match these filters.');
    await looks(page, 'trash-filtered');
    await link('Show everything in the trash').click();
    assert.equal((await names()).length, 8);
  });

  await step(`${how}, an entry says what went with it, what broke and what a restore does not bring back`, async () => {
    await organization('GET', `/v1/connections/${sales}`, undefined, 410);
    await link('Sales').click();
    await reads('Sales');
    await says(main, 'A restore brings back 1 connection, 12 models and 12 pieces of content, with the same ids. It does not bring back the password');
    await says(main, 'Quarter on one page');
    await says(main, 'Kept by its owner at 1Password, vault Sales.');
    assert.equal(await main.getByRole('listitem').filter({ hasText: /^model 4$/ }).count(), 1);
    assert.equal(await main.getByRole('listitem').filter({ hasText: /^model 9$/ }).count(), 0);
    await main.getByText('Digests and signature').click();
    await looks(page, 'trash-entry');
    await link('Show all 12 models').click();
    await says(main.getByRole('listitem'), /^model 9$/);
    await looks(page, 'trash-entry-all');
  });

  await step(`${how}, the receipt of a deletion can be taken along`, async () => {
    const [download] = await Promise.all([page.waitForEvent('download'), link('Download the receipt (JSON)').click()]);
    assert.equal(download.suggestedFilename(), `receipt-${salesEntry}.json`);
  });

  await step(`${how}, a hold keeps an entry from being deleted, by its reason`, async () => {
    await page.getByLabel('Why it must not be purged').fill('');
    await button('Put on hold').click();
    const reason = page.getByLabel('Why it must not be purged');
    await says(alert.or(main), 'Say why it must not be purged.');
    assert.equal(await reason.getAttribute('aria-invalid'), 'true');
    assert.match(await description(reason), /Say why/);
    await looks(page, 'trash-hold-wrong', { status: 422 });
    await reason.fill('The auditors want it, case 17');
    await button('Put on hold').click();
    await says(status, 'The hold is on it');
    await says(main, 'A hold keeps this entry.');
    assert.equal(await button('Delete permanently').count(), 0);
    await looks(page, 'trash-held');
    await page.getByRole('button', { name: /^End hold/ }).click();
    await says(status, 'The hold has ended');
  });

  await step(`${how}, an entry is deleted for good only by its name, typed exactly`, async () => {
    const entry = await remove(await make('Scrap'));
    await page.goto(`/console/trash/${entry}`);
    const opener = button('Delete permanently');
    await opener.focus();
    await page.keyboard.press('Enter');
    const box = script ? page.getByRole('dialog', { name: 'Delete permanently?' }) : main;
    const field = box.getByRole('textbox');
    await focused(page, field);
    await looks(page, 'trash-delete');
    await page.keyboard.type('scrap');
    await tabs(page, box.getByRole('button', { name: 'Delete permanently' }));
    await page.keyboard.press('Enter');
    await says(box, 'The name does not match. Type Scrap exactly as shown.');
    assert.match(await description(field), /does not match/);
    await looks(page, 'trash-delete-wrong', { status: script ? 200 : 422 });
    assert.equal(await state(entry), 'in_trash');
    if (script) {
      await page.keyboard.press('Escape');
      await box.waitFor({ state: 'hidden' });
      await focused(page, opener);
      await opener.click();
      assert.equal(await field.inputValue(), '', 'the dialog begins anew');
    }
    await field.fill('Scrap');
    await page.keyboard.press('Enter');
    await says(status, /'Scrap'/);
    assert.equal(await state(entry), 'purged');
    await looks(page, 'trash-deleted');
    await page.goto(`/console/trash/${entry}`);
    await says(main, /Purged just now/i);
    await looks(page, 'trash-entry-purged');
  });

  await step(`${how}, several are restored at once, and what could not says why`, async () => {
    await remove(await make('North'));
    await remove(await make('South'));
    await make('South');
    await trash('?q=th');
    for (const name of ['North', 'South']) {
      await page.getByRole('checkbox', { name: `Select ${name}` }).focus();
      await page.keyboard.press('Space');
      assert.ok(await page.getByRole('checkbox', { name: `Select ${name}` }).isChecked(), name);
    }
    if (script) await says(main, '2 selected');
    await looks(page, 'trash-selected');
    await button('Restore selected').click();
    await says(alert, /1 restored, 1 could not be: 'South': its name is taken\./);
    assert.deepEqual(await names(), ['South']);
    await looks(page, 'trash-restored-some');
  });

  await step(`${how}, several are deleted for good only by a word of their own`, async () => {
    await remove(await make('West with'));
    await trash('?q=th');
    if (script) await page.getByRole('checkbox', { name: 'Select all on this page' }).check();
    else for (const name of ['South', 'West with']) await page.getByRole('checkbox', { name: `Select ${name}` }).check();
    await button('Delete permanently').click();
    await reads('Delete permanently?');
    await focused(page, page.getByRole('textbox'));
    await looks(page, 'trash-delete-several');
    await page.getByRole('textbox').fill('delete 2 entries');
    await button('Delete permanently').click();
    await says(status, '2 deleted permanently.');
  });

  await step(`${how}, a name that is taken meanwhile is asked for, with a free one filled in`, async () => {
    await make('Forgotten');
    await trash();
    await button('Restore Forgotten').click();
    await reads('Not restored yet');
    await says(alert, 'A live connection has this name.');
    const field = page.getByLabel('Restore as');
    assert.match(await field.inputValue(), /^Forgotten.+/);
    await looks(page, 'trash-restore-as', { status: 409 });
    await field.fill('Remembered');
    await button('Restore Forgotten').click();
    await says(status, /'Forgotten' was restored as 'Remembered'\./);
    await reads('Remembered');
  });

  await step(`${how}, a model comes back with what it belongs to, or into another connection`, async () => {
    const gone = await make('Once');
    await remove(await model(gone, 'Orphan'), 'models');
    const waif = await remove(await model(gone, 'Waif'), 'models');
    await remove(gone);
    await trash('?kind=model');
    await button('Restore Orphan').click();
    await reads('Not restored yet');
    const along = page.getByRole('checkbox', { name: /Restore what it belongs to as well: the connection “Once”/ });
    assert.ok(await along.isChecked());
    await looks(page, 'trash-ancestors', { status: 409 });
    await along.uncheck();
    await page.getByLabel(/restore it into another connection/i).selectOption('Finance');
    await button('Restore Orphan').click();
    await says(status, "'Orphan' was restored");
    await reads('Finance');
    await page.goto(`/console/trash/${waif}`);
    await looks(page, 'trash-entry-orphan');
    await button('Restore Waif').click();
    await says(status, /'Waif' was restored with 1 connection\. Its connection 'Once' came back, too/);
    await reads('Once');
    await looks(page, 'trash-restored-with');
  });

  await step(`${how}, what was restored or purged in another window is told so`, async () => {
    const back = await remove(await make('Back'));
    await trash();
    await organization('POST', `/v1/trash/${back}/restore`, {});
    await button('Restore Back').click();
    await says(alert, "'Back' was already restored");
    await looks(page, 'trash-already-restored', { status: 409 });
    const gone = await remove(await make('Gone'));
    await trash();
    await organization('POST', `/v1/trash/${gone}/purge`, { confirm: 'Gone' });
    await button('Restore Gone').click();
    await says(alert, "'Gone' is no longer in the trash");
    await looks(page, 'trash-already-purged', { status: 410 });
  });

  await step(`${how}, Undo takes a deletion back from where one stands`, async () => {
    await page.goto('/console/connections');
    await link('Finance').click();
    await link('Archive').click();
    await button('Move to trash').click();
    await (script ? page.getByRole('dialog') : main).getByRole('textbox').fill('Finance');
    await page.keyboard.press('Enter');
    await says(status, "'Finance' was moved to the trash");
    await button('Undo').click();
    await says(status, "'Finance' was restored");
    await reads('Finance');
    await looks(page, 'trash-undone');
  });

  await step(`${how}, a restored connection asks for its password, is tested, and works`, async () => {
    await trash();
    await page.getByRole('navigation', { name: 'Kinds' }).getByRole('link', { name: /^Connections/ }).click();
    await button('Restore Sales').click();
    await reads('Sales');
    await says(status, "'Sales' was restored with 12 models and 12 pieces of content. Its password was removed when it was deleted: enter it again, then update and test the connection.");
    const password = page.getByLabel(/^Password/);
    assert.equal(await password.inputValue(), '');
    assert.match(await description(password), /Removed when this connection was deleted\./);
    assert.equal(await page.getByLabel(/^Host/).inputValue(), '127.0.0.1', 'all but the password is as it was');
    await focused(page, password);
    await looks(page, 'restored');
    await page.keyboard.insertText(PROBED_PASSWORD);
    await button('Update and test connection').click();
    await says(status, /Connection test succeeded/);
    await looks(page, 'restored-tested');
    assert.equal((await organization('GET', `/v1/connections/${sales}`)).status, 'active');
    assert.equal(await state(salesEntry), 'restored');
    assert.equal(await state(modelEntry), 'in_trash', 'what was deleted by itself stays where it is');
    assert.ok(await heading.isVisible());
  });
}

await done();
