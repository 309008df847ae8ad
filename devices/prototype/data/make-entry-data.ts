import type { DescriptorBus } from '../bus';
import type { PrototypeParameters } from '../options';
import type { Plan } from '../plan/plan';
import type { QueueStatistics } from '../statistics';
import type { DataMover } from './data-mover';
import type { EntryData } from './entry-data';
import { OwnData } from './own-data';
import { PageData } from './page-data';
import { TableData } from './table-data';

/** What finds the data of an entry in a format's way. */
export const makeEntryData = (
  plan: Plan,
  mover: DataMover,
  bus: DescriptorBus,
  parameters: PrototypeParameters,
  statistics: QueueStatistics,
): EntryData => {
  const { pieces, indirect } = plan.format;
  const inner =
    pieces.kind === 'pages'
      ? new PageData(plan.entry, plan.piece!, pieces.page, mover, bus, parameters)
      : new OwnData(plan.entry, mover, parameters.maxLength);
  return indirect ? new TableData(plan, inner, mover, bus, parameters, statistics) : inner;
};
