/** Every entity, for the ORM to discover. */
import { ApiToken, AuditEvent, FeedTicket } from './access.ts'
import { AiDraft, AiInteraction } from './ai.ts'
import { Connection } from './connection.ts'
import { Lead, LeadIdentity } from './lead.ts'
import { Message } from './message.ts'
import { RejectedDelivery } from './rejected-delivery.ts'
import { ScoreEvent } from './score-event.ts'
import { Workspace, WorkspaceSettings } from './workspace.ts'

export const entities = [
  Workspace,
  WorkspaceSettings,
  Connection,
  Lead,
  LeadIdentity,
  Message,
  ScoreEvent,
  AiInteraction,
  AiDraft,
  RejectedDelivery,
  ApiToken,
  FeedTicket,
  AuditEvent,
]
