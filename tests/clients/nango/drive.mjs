// Drives Nango's published clients against a running Reprieve: REPRIEVE_URL, REPRIEVE_KEY.
// Prints a line for each step; ends with another code than 0 at the first that is not as a user of Nango expects.

import assert from 'node:assert/strict';
import Frontend from '@nangohq/frontend';
import { Nango } from '@nangohq/node';

const { REPRIEVE_URL: host, REPRIEVE_KEY: apiKey } = process.env;
const nango = new Nango({ host, apiKey });
const headers = { Authorization: `Bearer ${apiKey}`, 'Content-Type': 'application/json' };

async function step(what, work) {
  try {
    const result = await work();
    console.log(`ok ${what}`);
    return result;
  } catch (error) {
    console.error(`FAILED ${what}`);
    console.error(error.response ? JSON.stringify([error.response.status, error.response.data]) : error);
    process.exit(1);
  }
}

async function call(method, path, body) {
  const response = await fetch(host + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, data: text ? JSON.parse(text) : null };
}

// What the client throws when the answer has this status and code.
async function refused(work, status, code) {
  await assert.rejects(work, (error) => {
    assert.deepEqual([error.response?.status, error.response?.data.error.code], [status, code]);
    return true;
  });
}

await step('a provider is found', async () => {
  const providers = (await nango.listProviders({})).data.map((provider) => provider.name);
  assert.ok(providers.includes('github') && providers.includes('algolia'));
  assert.equal((await nango.getProvider({ provider: 'github' })).data.auth_mode, 'OAUTH2');
});

await step('integrations are made, listed, read and changed', async () => {
  const algolia = await nango.createIntegration({ provider: 'algolia', unique_key: 'algolia', display_name: 'Algolia' });
  assert.equal(algolia.data.unique_key, 'algolia');
  await nango.createIntegration({
    provider: 'github',
    unique_key: 'github',
    credentials: { type: 'OAUTH2', client_id: 'client', client_secret: 'client-secret-4f1c', scopes: 'repo' },
  });
  const listed = (await nango.listIntegrations()).configs.map((config) => config.unique_key);
  assert.deepEqual(listed.sort(), ['algolia', 'github']);
  const updated = await nango.updateIntegration({ uniqueKey: 'github' }, { display_name: 'Our GitHub' });
  assert.equal(updated.data.display_name, 'Our GitHub');
  const read = await nango.getIntegration({ uniqueKey: 'github' }, { include: ['credentials'] });
  assert.equal(read.data.credentials.client_secret, 'client-secret-4f1c');
});

const id = 'u@x.com k:v=1;x,y';

await step('connections are imported', async () => {
  const github = await call('POST', '/connections', {
    provider_config_key: 'github',
    connection_id: id,
    credentials: { type: 'OAUTH2', access_token: 'access-91ab', refresh_token: 'refresh-91ab', raw: { scope: 'repo' } },
    end_user: { id: 'user-1', email: 'ann@example.com', display_name: 'Ann' },
    metadata: { plan: 'pro' },
  });
  assert.equal(github.status, 201);
  assert.equal(github.data.connection_id, id);
});

await step('a connection is found in the list, by search and by its end user', async () => {
  for (const page of [
    await nango.listConnections(),
    await nango.listConnections(id),
    await nango.listConnections(undefined, 'ANN@EXAMPLE'),
    await nango.listConnections({ userId: 'user-1', integrationId: 'github', limit: 10 }),
    await nango.listConnections({ tags: { end_user_id: 'user-1' } }),
  ]) {
    assert.deepEqual(page.connections.map((connection) => connection.connection_id), [id]);
  }
  assert.deepEqual((await nango.listConnections({ userId: 'nobody' })).connections, []);
});

await step('a connection is read with its credentials', async () => {
  const connection = await nango.getConnection('github', id);
  assert.equal(connection.credentials.type, 'OAUTH2');
  assert.equal(connection.credentials.access_token, 'access-91ab');
  assert.equal(connection.credentials.refresh_token, undefined);
  assert.equal(connection.end_user.id, 'user-1');
  const whole = await nango.getConnection('github', id, false, true);
  assert.equal(whole.credentials.refresh_token, 'refresh-91ab');
  assert.equal(await nango.getToken('github', id), 'access-91ab');
});

await step('its metadata is replaced and merged', async () => {
  await nango.setMetadata('github', id, { a: 1 });
  await nango.updateMetadata('github', id, { b: 2 });
  assert.deepEqual(await nango.getMetadata('github', id), { a: 1, b: 2 });
});

await step('it is changed', async () => {
  const changed = await nango.patchConnection(
    { connectionId: id, provider_config_key: 'github' },
    { end_user: { id: 'user-2', email: 'bob@example.com' }, tags: { team: 'red' } },
  );
  assert.deepEqual(changed, { success: true });
  const connection = await nango.getConnection('github', id);
  assert.equal(connection.end_user.id, 'user-2');
  assert.equal(connection.tags.team, 'red');
});

const first = await step('an end user connects in a session, by the browser client', async () => {
  const session = await nango.createConnectSession({
    end_user: { id: 'user-3', email: 'eve@example.com' },
    allowed_integrations: ['algolia'],
  });
  assert.match(session.data.token, /^nango_connect_session_[0-9a-f]{64}$/);
  const browser = new Frontend({ host, connectSessionToken: session.data.token });
  const made = await browser.auth('algolia', { credentials: { apiKey: 'algolia-77c1' }, params: { app_id: 'APP1' } });
  assert.equal(made.providerConfigKey, 'algolia');
  await assert.rejects(
    browser.auth('github', { credentials: { apiKey: 'x' } }),
    (error) => error.type !== undefined,
    'an integration that the session does not allow',
  );
  const connection = await nango.getConnection('algolia', made.connectionId);
  assert.deepEqual(connection.credentials, { type: 'API_KEY', apiKey: 'algolia-77c1' });
  assert.equal(connection.end_user.email, 'eve@example.com');
  return made.connectionId;
});

await step('a session is read and ended', async () => {
  const session = await nango.createConnectSession({ end_user: { id: 'user-4' } });
  const bearer = { headers: { Authorization: `Bearer ${session.data.token}` } };
  const read = await (await fetch(`${host}/connect/session`, bearer)).json();
  assert.equal(read.data.endUser.id, 'user-4');
  assert.equal((await fetch(`${host}/connect/session`, { method: 'DELETE', ...bearer })).status, 204);
  assert.equal((await fetch(`${host}/connect/session`, bearer)).status, 401);
});

await step('a connection is deleted, and once alone', async () => {
  const deleted = await nango.deleteConnection('algolia', first);
  assert.deepEqual([deleted.status, deleted.data], [200, { success: true }]);
  await refused(nango.deleteConnection('algolia', first), 404, 'unknown_connection');
  await refused(nango.getConnection('algolia', first), 404, 'not_found');
  const left = (await nango.listConnections()).connections.map((connection) => connection.connection_id);
  assert.deepEqual(left, [id]);
});

await step('it comes back without its key, which its end user enters again', async () => {
  const entries = (await call('GET', '/v1/trash?state=in_trash')).data.data;
  const entry = entries.find((entry) => entry.root.external_id === first || entry.root.id === first);
  assert.equal((await call('POST', `/v1/trash/${entry.id}/restore`, {})).status, 200);
  await refused(nango.getConnection('algolia', first), 424, 'invalid_credentials');
  const session = await nango.createReconnectSession({ connection_id: first, integration_id: 'algolia' });
  const browser = new Frontend({ host, connectSessionToken: session.data.token });
  const again = await browser.reconnect('algolia', { credentials: { apiKey: 'algolia-88d2' } });
  assert.equal(again.connectionId, first);
  assert.equal((await nango.getConnection('algolia', first)).credentials.apiKey, 'algolia-88d2');
});

await step('an integration is deleted with its connections', async () => {
  const deleted = await nango.deleteIntegration('github');
  assert.deepEqual([deleted.status, deleted.data], [200, { success: true }]);
  const left = (await nango.listConnections()).connections.map((connection) => connection.connection_id);
  assert.deepEqual(left, [first]);
});

await step('a key that is none is told so', async () => {
  const stranger = new Nango({ host, apiKey: '8d4a6ea6-8f7e-4f6c-9d0e-1f0c3d1d2a11' });
  await refused(stranger.listConnections(), 401, 'invalid_secret_key_format');
});
