/** Every entity, for the ORM to discover. */
import { ApiToken, AuditEvent, FeedTicket } from './access.ts'
import { AiDraft, AiInteraction } from './ai.ts'
import { Backfill } from './backfill.ts'
import { Connection } from './connection.ts'
import { Lead, LeadContact, LeadIdentity, LeadSearch } from './lead.ts'
import { Message } from './message.ts'
import { MessageStep } from './message-step.ts'
import { RejectedDelivery } from './rejected-delivery.ts'
import { ScoreEvent } from './score-event.ts'
import { Simulation } from './simulation.ts'
import { Workspace, WorkspaceSettings } from './workspace.ts'

export const entities = [
  Workspace,
  WorkspaceSettings,
  Connection,
  Lead,
  LeadIdentity,
  LeadContact,
  LeadSearch,
  Message,
  MessageStep,
  ScoreEvent,
  AiInteraction,
  AiDraft,
  Backfill,
  Simulation,
  RejectedDelivery,
  ApiToken,
  FeedTicket,
  AuditEvent,
]
