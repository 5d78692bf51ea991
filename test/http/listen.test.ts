import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type FastifyInstance, fastify } from 'fastify'
import * as assert from 'uvu/assert'
import { openLeaving } from '../../src/http/leave.ts'
import { listen } from '../../src/http/listen.ts'
import { StartupError } from '../../src/startup-error.ts'
import { suite } from '../support/suite.ts'

const test = suite('the port')
const host = '127.0.0.1'
let server: FastifyInstance
let leaving: ReturnType<typeof openLeaving>
let port: number
test.before.each(async () => {
  server = fastify({ forceCloseConnections: true })
  leaving = openLeaving(server)
  server.get('/', async () => 'ok')
  port = await listen(server, { host, port: 0 }, leaving)
})
test.after.each(async () => {
  await leaving.leave(1)
  await Promise.all([server.close(), leaving.doorsClosed()])
})

/** So many connections that each of the doors gets some. */
const MANY = 200

/** Let in on this side, too. */
async function connected(): Promise<Socket[]> {
  let came = 0
  const all = new Promise<void>((resolve) => {
    server.server.on('connection', () => {
      came += 1
      if (came === MANY) resolve()
    })
  })
  const sockets = await Promise.all(
    Array.from({ length: MANY }, async () => {
      const socket = connect(port, host)
      await once(socket, 'connect')
      return socket
    }),
  )
  await all
  return sockets
}

test('a burst of connections is let in by many in a turn of the event loop', async () => {
  const turns = new Map<number, number>()
  const { promise: all, resolve } = Promise.withResolvers<void>()
  let turn = 0
  let came = 0
  let isOver = false
  const count = () => {
    turn += 1
    if (!isOver) setImmediate(count)
  }
  server.server.on('connection', () => {
    came += 1
    turns.set(turn, (turns.get(turn) ?? 0) + 1)
    if (came === MANY) resolve()
  })
  const sockets = Array.from({ length: MANY }, () => connect(port, host))
  count()
  await all
  isOver = true
  for (const socket of sockets) socket.destroy()
  assert.ok(Math.max(...turns.values()) > 1, `${turns.size} turns`)
})

test('whichever door a connection came through, it is answered', async () => {
  const sockets = await connected()
  const answers = await Promise.all(
    sockets.map(async (socket) => {
      socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
      let text = ''
      for await (const chunk of socket) text += chunk
      return text.slice(0, 12)
    }),
  )
  assert.equal(new Set(answers), new Set(['HTTP/1.1 200']))
})

test('leaving closes every door, and what is open ends before all are gone', async () => {
  const sockets = await connected()
  const ends = sockets.map((socket) => once(socket, 'close'))
  for (const socket of sockets) socket.resume()
  await leaving.leave(1)
  const refusals = await Promise.all(
    Array.from({ length: MANY }, async () => {
      const [error] = await once(connect(port, host), 'error')
      return error.code
    }),
  )
  assert.equal(new Set(refusals), new Set(['ECONNREFUSED']))
  await Promise.all([server.close(), leaving.doorsClosed(), ...ends])
})

test('a port that another service has is not shared with it', async () => {
  const second = fastify()
  const error = await listen(second, { host, port }, openLeaving(second)).then(
    () => null,
    (reason: unknown) => reason as Error,
  )
  assert.instance(error, StartupError)
  assert.is(error?.message, `PORT: ${port} is taken on ${host}, takes a free port`)
  await second.close()
})

test.run()
