import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { type FastifyInstance, fastify } from 'fastify'
import * as assert from 'uvu/assert'
import { openLeaving } from '../../src/http/leave.ts'
import { suite } from '../support/suite.ts'

const test = suite('leaving the port')

/** A service on a port of its own, and a sender that keeps its connection. */
async function open(handler: () => Promise<string>) {
  const server: FastifyInstance = fastify({ forceCloseConnections: true })
  server.get('/', handler)
  const leaving = openLeaving(server)
  await server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = server.server.address() as AddressInfo
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return {
    leaving,
    port,
    async get(): Promise<IncomingMessage> {
      const outgoing = request({ host: '127.0.0.1', port, agent })
      outgoing.end()
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
      response.resume()
      await once(response, 'end')
      return response
    },
    async close() {
      agent.destroy()
      await server.close()
    },
  }
}

const refused = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.once('error', () => resolve(true))
  })

test('whoever is connected is served once more and told to go; nobody new is let in', async () => {
  const service = await open(async () => 'ok')
  assert.is((await service.get()).headers.connection, 'keep-alive')
  const left = service.leaving.leave(10_000)
  assert.is(await refused(service.port), true)
  const last = await service.get()
  assert.is(last.statusCode, 200)
  assert.is(last.headers.connection, 'close')
  // Well before the limit: with the last connection gone there is nobody to wait for.
  await left
  await service.close()
})

test('a request on its way when the leaving begins is answered', async () => {
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
  const { promise: entered, resolve: enter } = Promise.withResolvers<void>()
  const service = await open(async () => {
    enter()
    await held
    return 'late'
  })
  const answer = service.get()
  await entered
  await service.leaving.leave(1)
  letGo()
  assert.is((await answer).statusCode, 200)
  await service.close()
})

test('a silent connection is closed when the time is up', async () => {
  const service = await open(async () => 'ok')
  const socket = connect(service.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(socket, 'data')
  const closed = once(socket, 'close')
  await service.leaving.leave(1)
  await closed
  await service.close()
})

test('leaving without ever having listened is no error', async () => {
  const server = fastify()
  await openLeaving(server).leave()
  await server.close()
})

test.run()
