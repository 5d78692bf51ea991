/**
 * What the types of the actor facade refuse; nact's own `Ref` refuses nothing. The real check is
 * `tsc`: each `@ts-expect-error` below fails there once the line under it compiles.
 */
import * as assert from 'uvu/assert'
import type { Behavior, Self } from '../../src/actors/actor.ts'
import type { Actor, ActorSpec } from '../../src/actors/supervisor.ts'
import { suite } from '../support/suite.ts'

type Message = { type: 'add'; by: number } | { type: 'reset' }

/** Never called: only the compiler reads them. */
const typeTests = {
  sending(actor: Actor<Message>) {
    actor.tell({ type: 'add', by: 1 })
    // @ts-expect-error no message of this type
    actor.tell({ type: 'remove' })
    // @ts-expect-error a field is missing
    actor.tell({ type: 'add' })
    // @ts-expect-error a field of the wrong type
    actor.tell({ type: 'add', by: '1' })
    // @ts-expect-error not a message
    actor.tell({})
    // @ts-expect-error a message of the right type only
    actor.offer({ type: 'remove' }, 10)
    // @ts-expect-error an offer has a cap
    actor.offer({ type: 'reset' })
  },

  sendingToItself(self: Self<Message>) {
    self.tell({ type: 'reset' })
    // @ts-expect-error no message of this type
    self.tell({ type: 'remove' })
    // @ts-expect-error no message of this type
    self.after(1, { type: 'remove' })
    self.run(
      () => Promise.resolve(1),
      (by) => ({ type: 'add', by }),
      () => ({ type: 'reset' }),
    )
    self.run(
      () => Promise.resolve('1'),
      // @ts-expect-error the result has the wrong type for the message
      (by) => ({ type: 'add', by }),
      () => ({ type: 'reset' }),
    )
    self.run(
      () => Promise.resolve(1),
      (by) => ({ type: 'add', by }),
      // @ts-expect-error a failure is a message as well
      () => ({ type: 'failed' }),
    )
    // @ts-expect-error a failure has to be answered
    self.run(
      () => Promise.resolve(1),
      (by) => ({ type: 'add', by }),
    )
  },

  passingOn(narrow: Actor<{ type: 'reset' }>, wide: Actor<Message>, self: Self<{ type: 'reset' }>) {
    const fewer: Actor<{ type: 'reset' }> = wide
    // @ts-expect-error it would be sent what it does not handle
    const more: Actor<Message> = narrow
    // @ts-expect-error likewise
    const moreSelf: Self<Message> = self
    return [fewer, more, moreSelf]
  },

  handling(): unknown[] {
    const synchronous: Behavior<Message> = { handle() {} }
    const asynchronous: Behavior<Message> = {
      // @ts-expect-error two async handlers would overlap, and their failures be nobody's
      async handle() {
        await Promise.resolve()
      },
    }
    const spec: Pick<ActorSpec<Message>, 'incarnate'> = {
      // @ts-expect-error an incarnation is there at once
      incarnate: async () => ({ handle() {} }),
    }
    // @ts-expect-error a restart policy is decided on, never forgotten
    const withoutPolicy: ActorSpec<Message> = { name: 'x', incarnate: () => ({ handle() {} }) }
    return [synchronous, asynchronous, spec, withoutPolicy]
  },
}

const test = suite('types of the actor facade')

test('the compiler checks the cases of this file', () => {
  assert.equal(Object.keys(typeTests), ['sending', 'sendingToItself', 'passingOn', 'handling'])
})

test.run()
