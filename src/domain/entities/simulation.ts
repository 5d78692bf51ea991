/** The last simulation that the dashboard started in a workspace, and how far it is. */
import { defineEntity, p } from '@mikro-orm/core'
import { simulationStates } from '../simulation.ts'
import { Workspace } from './workspace.ts'

const simulationSchema = defineEntity({
  name: 'Simulation',
  tableName: 'simulation',
  properties: {
    workspace: () => p.oneToOne(Workspace).primary().deleteRule('cascade'),
    /** Fences: what an earlier run still reports is not heard. */
    runId: p.uuid(),
    state: p.enum(simulationStates).length(10),
    /** To be sent in all. */
    webhooks: p.integer(),
    sent: p.integer().default(0),
    /** Of those sent: not taken. */
    failed: p.integer().default(0),
    error: p.text().nullable(),
    startedAt: p.datetime().defaultRaw('now()'),
    /** Last sign of life of the process that plays it. */
    heardAt: p.datetime().defaultRaw('now()'),
    endedAt: p.datetime().nullable(),
  },
})
export class Simulation extends simulationSchema.class {}
simulationSchema.setClass(Simulation)
