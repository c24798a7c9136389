// Walks what lies beside the connections and the trash: who did what, how long deletions are kept, webhooks, API keys,
// alarms, and what somebody sees whose key may do little.

import assert from 'node:assert/strict';
import { description, done, focused, HOSTILE, looks, step } from './lib.mjs';
import { says, signedIn } from './person.mjs';

for (const script of [true, false]) {
  const how = script ? 'with scripts' : 'without scripts';
  const person = await signedIn({ script, organization: how.replace(' ', '-') });
  const { organization, page, link, button, main, navigation, status, alert, reads, make, remove } = person;
  const tab = async (name) => {
    await navigation.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name, exact: true }).click();
    await reads(name);
  };
  const rows = () => page.getByRole('row').filter({ has: page.getByRole('rowheader') });

  await step(`${how}, Activity tells who did what and when, and leads to it`, async () => {
    for (const [, name] of HOSTILE) await make(name);
    const entry = await remove(await make('Sales'));
    await organization('POST', `/v1/trash/${entry}/purge`, { confirm: 'wrong' }, 422);
    await navigation.getByRole('link', { name: 'Activity' }).click();
    await reads('Activity');
    await says(rows(), /A connection was deleted.*Sales/s);
    for (const [, name] of HOSTILE) await says(rows(), name);
    await looks(page, 'activity');
    await page.getByLabel('What', { exact: true }).selectOption('What was refused');
    await button('Filter').click();
    await says(rows(), 'Refused');
    assert.equal(await rows().count(), 1);
    await looks(page, 'activity-refused');
    await link('Clear filters').click();
    await page.getByLabel('Thing or person').fill('nobody of this name');
    await button('Filter').click();
    await says(main, 'No records match.');
    await looks(page, 'activity-none');
    await link('Clear filters').click();
    await rows().filter({ hasText: 'A connection was deleted' }).getByRole('link', { name: 'Sales' }).click();
    await reads('Sales');
    assert.match(page.url(), new RegExp(`/console/trash/${entry}$`));
  });

  await step(`${how}, the retention is changed, and what is wrong is said at its field`, async () => {
    await tab('Retention and protection');
    const days = page.getByLabel('Days in the trash');
    assert.equal(await days.inputValue(), '30');
    await looks(page, 'settings-retention');
    // A browser would keep it back: what it lets through is answered, too.
    await days.evaluate((field) => field.form.setAttribute('novalidate', ''));
    await days.fill('0');
    await button('Save').click();
    await says(alert, 'Nothing was saved');
    assert.match(await description(days), /It goes from 1 to 3650\./);
    await looks(page, 'settings-retention-wrong', { status: 422 });
    await days.fill('14');
    await page.getByLabel(/^Purge protection/).check();
    await button('Save').click();
    await says(status, 'What is deleted from now on stays in the trash for 14 days');
    await page.getByLabel('Reason for a pause').fill('The audit is on');
    await button('Pause the purge').click();
    await says(status, /paused/);
    await looks(page, 'settings-paused');
    await page.goto('/console/trash');
    await says(main, 'The purge is paused: nothing goes by itself now.');
    await says(rows(), 'protected');
    await looks(page, 'trash-paused');
    await tab('Retention and protection');
    await button('Let the purge go on').click();
    await says(main, 'Not paused');
  });

  await step(`${how}, a webhook is made, its secret is shown once, and its deliveries are told`, async () => {
    await tab('Webhooks');
    await looks(page, 'settings-webhooks-empty');
    await link('New webhook').click();
    await reads('New webhook');
    await page.getByLabel('Address').fill('https://me:pw@hooks.example.com/in');
    await page.getByLabel('What it is for').fill('The chat of the data team');
    await button('Create webhook').click();
    await says(alert, 'Nothing was saved');
    await looks(page, 'settings-webhook-wrong', { status: 422 });
    await page.getByLabel('Address').fill('https://hooks.example.com/in');
    await button('Create webhook').click();
    await page.getByRole('heading', { name: 'The signing secret' }).waitFor();
    assert.match(await page.getByText(/^whsec_/).innerText(), /^whsec_\S+$/);
    await looks(page, 'settings-webhook-secret');
    await link('I have copied it').click();
    await reads('Webhook');
    assert.equal(await page.getByText(/whsec_/).count(), 0);
    await button('Send a test message').click();
    await says(status.or(alert), /test message/i);
    await looks(page, 'settings-webhook');
    await link('New signing secret').click();
    await looks(page, 'settings-webhook-rotate');
    await link('Cancel').click();
    await button('Disable').click();
    await says(main, /Disabled/i);
    await tab('Webhooks');
    await looks(page, 'settings-webhooks');
    await link('https://hooks.example.com/in').click();
    await link('Edit').click();
    await reads('Edit webhook');
    assert.equal(await page.getByLabel('What it is for').inputValue(), 'The chat of the data team');
    await link('Cancel').click();
    await link('Delete').click();
    await looks(page, 'settings-webhook-delete');
    await page.getByRole('button', { name: /^Delete/ }).click();
    await says(status, /deleted|removed/);
    await says(main, 'No webhooks yet.');
  });

  let reader;
  await step(`${how}, an API key is made for somebody who may only look, and is shown once`, async () => {
    await tab('API keys');
    await link('New API key').click();
    await reads('New API key');
    await page.getByLabel('Name', { exact: true }).fill('Auditor');
    await looks(page, 'settings-key-new');
    await button('Create API key').click();
    await says(alert, 'The key was not made');
    await looks(page, 'settings-key-wrong', { status: 422 });
    assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Auditor', 'what was typed stays');
    for (const scope of ['connections:read', 'trash:read', 'audit:read']) {
      await page.getByRole('checkbox', { name: new RegExp(`${scope}$`) }).check();
    }
    await button('Create API key').click();
    await reads('API key made');
    reader = await page.locator('#key').innerText();
    assert.match(reader, /^rpv_/);
    await looks(page, 'settings-key-made');
    await link('I have copied it').click();
    await says(rows(), 'Auditor');
    await looks(page, 'settings-keys');
  });

  await step(`${how}, whoever may only look is shown nothing that they may not do`, async () => {
    const auditor = await signedIn({ script, key: reader, name: '' });
    assert.equal(await auditor.link('New connection').count(), 0);
    await looks(auditor.page, 'reader-connections');
    await auditor.page.getByRole('rowheader').getByRole('link').first().click();
    assert.equal(await auditor.main.getByRole('button').count(), 0);
    await looks(auditor.page, 'reader-settings');
    await auditor.navigation.getByRole('link', { name: /^Trash/ }).click();
    await auditor.reads('Trash');
    assert.equal(await auditor.button('Restore Sales').count(), 0);
    assert.equal(await auditor.page.getByRole('row').getByRole('checkbox').count(), 0);
    await looks(auditor.page, 'reader-trash');
    await auditor.link('Sales').click();
    await auditor.reads('Sales');
    assert.equal(await auditor.main.getByRole('button').count(), 0);
    await looks(auditor.page, 'reader-entry');
    await auditor.page.goto('/console/settings/keys');
    await auditor.reads('Your key may not do this');
    await looks(auditor.page, 'reader-refused', { status: 403 });

    await button('Revoke Auditor').or(link('Revoke Auditor')).click();
    await reads('Revoke API key');
    await looks(page, 'settings-key-revoke');
    await button('Revoke API key').click();
    await says(status, 'Auditor');
    await auditor.page.goto('/console/trash');
    await auditor.reads('Sign in');
    await auditor.page.context().close();
  });

  await step(`${how}, a mass deletion raises an alarm above every page, and the brake is released by hand`, async () => {
    const many = [];
    for (let index = 0; index < 24; index += 1) many.push(await make(`of many ${index}`));
    for (const id of many) await remove(id);
    await navigation.getByRole('link', { name: 'Connections' }).click();
    const banner = page.getByRole('note', { name: 'Open alarm' });
    await says(banner, 'Much of an organization was deleted within an hour');
    await looks(page, 'alarm');
    await banner.getByRole('link', { name: 'See the alarms' }).click();
    await reads('Alarms');
    await looks(page, 'settings-alarms');
    await page.getByRole('button', { name: /^Acknowledge/ }).click();
    await says(status, 'You took note of it');
    await main.getByRole('link', { name: /brake/i }).first().click();
    await reads('Retention and protection');
    await looks(page, 'settings-brake');
    await button('Release the brake').click();
    await says(status, /brake/i);
    await looks(page, 'settings-brake-released');
    assert.equal(await banner.count(), 0);
  });

  await step(`${how}, whoever signs out is out`, async () => {
    await button('Sign out').click();
    await reads('Sign in');
    await focused(page, page.getByLabel('API key'));
    await page.goBack();
    await page.reload();
    await reads('Sign in');
  });
}

await done();
