/**
 * The documents are held to what is true: links lead somewhere, scripts exist, and each command in a
 * shell block is run here against the real service, or named with the test that runs it.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import * as assert from 'uvu/assert'
import { type Service, startService } from './support/service.ts'
import { suite } from './support/suite.ts'

const test = suite('documents')
const root = join(import.meta.dirname, '..')
const documents = [
  ...['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
  'bench/README.md',
]
const textOf = (document: string) => readFileSync(join(root, document), 'utf8')

/** Commands that take long, end the machine's peace or need another machine: who runs them. */
const runElsewhere: [RegExp, string][] = [
  [/^npm ci && npm start\b/, 'test/main.test.ts'],
  [/^npm ci && npm test\b/, 'test/run.ts'],
  [/^npm run simulate\b/, 'test/simulate/cli.test.ts'],
  [/^npm run (jobs|tokens|replay|erase)\b/, 'test/cli/service-commands.test.ts'],
  [/^npm run eval\b/, 'test/eval/eval.test.ts'],
  [/^DATABASE_URL=postgres:\S+ npx pm2 start ecosystem.config.js$/, 'test/chaos/pm2.ts'],
  [/^npx pm2 reload leadpulse$/, 'test/chaos/pm2.ts'],
]
const isRunHere = (block: string) => /\bcurl\b|^npm run (backfill|doctor|drain)\b/m.test(block)

interface Block {
  document: string
  text: string
}
const blocks: Block[] = documents.flatMap((document) =>
  [...textOf(document).matchAll(/^( *)```sh\n([\s\S]*?)^ *```$/gm)].map(([, indent, text]) => ({
    document,
    text: (text ?? '').replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  })),
)
/** Without the remark at the end of the line. */
const commandsOf = ({ text }: Block) =>
  text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter(Boolean)

const dataDir = mkdtempSync(join(tmpdir(), 'leadpulse-docs-'))
let service: Service
let env: NodeJS.ProcessEnv
test.before(async () => {
  const settings = {
    DATA_DIR: dataDir,
    SCORING_QUIET_MS: '50',
    CRON_SECRET: 'a-secret-of-the-cron-job',
  }
  service = await startService(settings)
  const secret = 'a secret of sixteen and more'
  const signed = await service.api<{ webhookUrl: string }>('POST', '/api/v1/connections', {
    channel: 'email',
    provider: 'generic',
    name: 'Signed',
    signature: { secret },
  })
  env = {
    ...settings,
    LEAD_ID: await newLead(),
    PORT: new URL(service.url).port,
    ADMIN_TOKEN: service.adminToken,
    WEBHOOK_URL: service.webhooks.email,
    SIGNED_WEBHOOK_URL: signed.webhookUrl,
    SIGNING_SECRET: secret,
  }
})
/** Somebody to be copied and erased. */
async function newLead(): Promise<string> {
  const body = { externalId: 'm-1', body: 'Hello', lead: { email: 'erin@meadow.example' } }
  const sent = await fetch(String(service.webhooks.sms), {
    method: 'POST',
    body: JSON.stringify(body),
  })
  assert.is(sent.status, 200)
  const { items } = await service.api<{ items: { id: string }[] }>('GET', '/api/v1/leads?q=erin')
  return String(items[0]?.id)
}
test.after(async () => {
  await service.end('SIGTERM')
  rmSync(dataDir, { recursive: true, force: true })
})

for (const { document, text } of blocks.filter(({ text }) => isRunHere(text))) {
  test(`${document}: ${text.split('\n')[0]}`, async () => {
    const script = `set -euo pipefail
      curl() { command curl --fail-with-body "$@"; }
      ${text.replaceAll('http://127.0.0.1:3000', service.url)}`
    const { code, output } = await bash(script)
    assert.is(code, 0, output)
    assert.not.match(output, /"status":"rejected"/)
  })
}

function bash(script: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const { PATH, HOME } = process.env
    const child = spawn('bash', ['-c', script], { cwd: root, env: { PATH, HOME, ...env } })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk
      })
    }
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output }))
  })
}

test('every other command in a shell block is run by a test that is named', () => {
  assert.ok(blocks.length > 10)
  for (const block of blocks.filter(({ text }) => !isRunHere(text))) {
    for (const command of commandsOf(block)) {
      const runner = runElsewhere.find(([pattern]) => pattern.test(command))?.[1]
      assert.ok(runner && existsSync(join(root, runner)), `${block.document}: ${command}`)
    }
  }
})

test('scripts and programs that the documents name are there', () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }
  for (const document of documents) {
    for (const [, script = ''] of textOf(document).matchAll(/\bnpm run ([\w:-]+)/g)) {
      assert.ok(script in scripts, `${document}: npm run ${script}`)
    }
    for (const [, program = ''] of textOf(document).matchAll(/\bnpx ([\w-]+)/g)) {
      const own = program === 'leadpulse' || existsSync(join(root, 'node_modules/.bin', program))
      assert.ok(own, `${document}: npx ${program}`)
    }
  }
})

test('links lead to files and headings that are there', () => {
  let links = 0
  for (const document of documents) {
    for (const [, target = ''] of textOf(document).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? document : relative(root, join(root, dirname(document), path))
      assert.ok(existsSync(join(root, file)), `${document}: ${target}`)
      if (anchor) assert.ok(anchorsOf(file).includes(anchor), `${document}: ${target}`)
      links += 1
    }
  }
  assert.ok(links > 20)
})

/** As GitHub makes them. */
const anchorsOf = (document: string) =>
  [...textOf(document).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/ /g, '-'),
  )

test.run()
