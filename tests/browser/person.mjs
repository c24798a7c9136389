// Somebody at the console: an organization of their own, a window, and names for what is on a page.

import assert from 'node:assert/strict';
import { api, call, visit } from './lib.mjs';

/** Somebody who has an API key and has not signed in. `key` is another's than that of a new organization. */
export async function somebody({ script, organization: name, key }) {
  const secret = key ?? (await call('POST', '/v1/organizations', { name }, 201)).admin_key.key;
  const organization = api(secret);
  const page = await visit({ script });
  const heading = page.getByRole('heading', { level: 1 });
  return {
    key: secret,
    organization,
    page,
    heading,
    link: (label) => page.getByRole('link', { name: label, exact: true }),
    button: (label) => page.getByRole('button', { name: label, exact: true }),
    main: page.getByRole('main'),
    navigation: page.getByRole('navigation', { name: 'Main' }),
    status: page.getByRole('status'),
    alert: page.getByRole('alert'),
    reads: async (text) => assert.equal(await heading.innerText(), text),
    make: async (connection, more) => {
      const settings = { host: 'db.example.com', port: 5432, database: 'sales', username: 'bi' };
      const secrets = { password: 'before the deletion' };
      const body = { name: connection, connector: 'postgres', settings, secrets, ...more };
      return (await organization('POST', '/v1/connections', body, 201)).id;
    },
    remove: async (id, what = 'connections') => (await organization('DELETE', `/v1/${what}/${id}`)).id,
  };
}

/** Somebody who has signed in; a key that may not name people signs in without a name. */
export async function signedIn({ name = 'Ada Lovelace', ...who }) {
  const person = await somebody(who);
  await person.page.goto('/console/sign-in');
  await person.page.getByLabel('API key').fill(person.key);
  await person.page.getByLabel('Your name').fill(name);
  await person.button('Sign in').click();
  await person.heading.filter({ hasText: /Connections|Trash|Activity|Settings/ }).waitFor();
  return person;
}

/** One of these has the words, if need be after a moment. */
export const says = (locator, words) => locator.filter({ hasText: words }).first().waitFor();
