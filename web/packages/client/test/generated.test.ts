import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const document = new URL('../../../../docs/openapi.json', import.meta.url);

it.skipIf(!existsSync(document))('src/generated says what docs/openapi.json says; run npm run generate', () => {
  const hash = createHash('sha256').update(readFileSync(document)).digest('hex');
  const generated = readFileSync(new URL('../src/generated/openapi.ts', import.meta.url), 'utf8');
  expect(generated.split('\n')[0]).toContain(hash);
});
