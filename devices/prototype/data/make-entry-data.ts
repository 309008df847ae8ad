import type { DescriptorBus } from '../bus';
import type { PrototypeParameters } from '../options';
import type { Plan } from '../plan/plan';
import type { QueueStatistics } from '../statistics';
import type { DataMover } from './data-mover';
import type { EntryData } from './entry-data';
import { OwnData } from './own-data';
import { PageData } from './page-data';
import { SegmentData } from './segment-data';
import { ShapeData } from './shape-data';
import { TableData } from './table-data';

const ownWay = (plan: Plan, mover: DataMover, bus: DescriptorBus, parameters: PrototypeParameters): EntryData => {
  const pages = plan.pageElement === null ? null : new PageData(plan, mover, bus, parameters);
  const segments = plan.segments === null ? null : new SegmentData(plan, mover, bus, parameters);
  if (pages !== null && segments !== null) return new ShapeData(plan.shapes, pages, segments);
  return pages ?? segments ?? new OwnData(plan, mover, parameters.maxLength);
};

/** What finds the data of an entry in a format's way. */
export const makeEntryData = (
  plan: Plan,
  mover: DataMover,
  bus: DescriptorBus,
  parameters: PrototypeParameters,
  statistics: QueueStatistics,
): EntryData => {
  const own = ownWay(plan, mover, bus, parameters);
  return plan.format.indirect ? new TableData(plan, own, mover, bus, parameters, statistics) : own;
};
