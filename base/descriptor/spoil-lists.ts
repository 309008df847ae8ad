import type { BuiltLists } from './build-lists';
import type { SampleBuilder } from './build-sample';
import { readWide } from './placed';
import { EntryRoles } from './roles';
import { put, setMark } from './put';
import { addTo } from './sample';
import { pickOf, spoiled, type Spoil } from './spoil-kinds';

const listsOf = ({ lists }: SampleBuilder, kind: BuiltLists['kind']): BuiltLists[] =>
  lists.filter((one) => one.kind === kind);

/** A page after the first that begins within one. */
export const offPage: Spoil = (sample) => {
  const pages = listsOf(sample, 'pages').flatMap(({ entry, elements }) => [
    ...entry.data.slice(1).map(({ field }) => ({ built: entry, field })),
    ...elements.flatMap((built) => built.data.map(({ field }) => ({ built, field }))),
  ]);
  const chosen = pickOf(sample, pages);
  if (chosen === undefined) return undefined;
  addTo(chosen.field, chosen.built.lanes, 8n);
  return spoiled('misaligned', chosen.built, `${chosen.field.path} is no page`);
};

/** A list of pages that leads back to itself, or lies where no list may lie. */
export const wrongPages: Spoil = (sample) => {
  const all = listsOf(sample, 'pages').filter(({ elements }) => elements.length > 0);
  const chosen =
    pickOf(
      sample,
      all.filter(({ links }) => links.length > 0),
    ) ?? pickOf(sample, all);
  if (chosen === undefined) return undefined;
  const { entry, links } = chosen;
  const second = sample.roles.addressField('list', entry.lanes)!;
  const link = links.at(-1);
  if (link === undefined || sample.prng.oneIn(3)) {
    addTo(second, entry.lanes, 4n);
    return spoiled('misaligned', entry, 'its list of pages a little further');
  }
  put(new EntryRoles(link.descriptor).addressField('data')!, link.lanes, readWide(second, entry.lanes, 0));
  return spoiled('loop', entry, 'its list of pages leads back to its start');
};

/** Less room in segments than the entry moves. */
export const shortSegments: Spoil = (sample) => {
  const parts = listsOf(sample, 'segments').flatMap(({ entry, elements }) =>
    [entry, ...elements].flatMap((built) =>
      built.data.map(({ bytes, length }) => ({ built, bytes, length: length!, entry })),
    ),
  );
  const chosen = pickOf(sample, parts);
  if (chosen === undefined) return undefined;
  put(chosen.length, chosen.built.lanes, chosen.bytes - 1);
  return spoiled('too-short', chosen.entry, `${chosen.built.where} has a byte less`);
};

/** A list of segments that is none, or that does not end. */
export const wrongSegments: Spoil = (sample) => {
  const links = listsOf(sample, 'segments').flatMap(({ links: all }) => all);
  const chosen = pickOf(sample, links);
  if (chosen === undefined) return undefined;
  const length = new EntryRoles(chosen.descriptor).lengthField('list', chosen.lanes)!;
  addTo(length, chosen.lanes, -1n);
  return spoiled('indirect', chosen, 'its list is no whole number of elements');
};

/** More than one request may move. */
export const overMost: Spoil = (sample) => {
  const chosen = pickOf(sample, sample.lists);
  if (chosen === undefined) return undefined;
  sample.start.most = chosen.bytes - 1;
  return spoiled('too-long', chosen.entry, 'the queue moves less in one request');
};

/** What the device reads after what it writes. */
export const wrongOrder: Spoil = (sample) => {
  const { format, roles } = sample;
  if (format.pieces.kind !== 'chain' || format.pieces.order === undefined) return undefined;
  const runs = sample.groups.map(({ entries, table }) => (table.length > 0 ? table : entries));
  const run = pickOf(
    sample,
    runs.filter(({ length }) => length > 1),
  );
  if (run === undefined) return undefined;
  const field = roles.markField('device-writes')!;
  setMark(field, run.at(-2)!.lanes, true);
  setMark(field, run.at(-1)!.lanes, false);
  return spoiled('order', run.at(-1)!, 'read after what is written');
};

/** An entry that is given away as done. */
export const stale: Spoil = (sample) => {
  const { completion } = sample.format;
  const later = sample.owned.slice(1);
  if (completion.kind !== 'in-place' || completion.refusesDone !== true) return undefined;
  const entry = pickOf(sample, later);
  if (entry === undefined) return undefined;
  setMark(sample.roles.markField('done'), entry.lanes, true);
  return spoiled('stale', entry, 'given away as done');
};

/** An entry of which more was moved than there was room for. */
export const overrun: Spoil = (sample) => {
  const { format, roles, owned } = sample;
  const entry = owned[0]!;
  const written = roles.countField('written', entry.lanes);
  const length = roles.length('data', entry.lanes);
  const done = roles.markField('done', entry.lanes);
  if (format.completion.kind !== 'in-place' || written?.meaning?.kind !== 'count') return undefined;
  if (done === undefined || length === undefined) return undefined;
  const units = Math.floor(length.bytes / written.meaning.unit) + 1;
  if (units >= 2 ** written.bits) return undefined;
  put(written, entry.lanes, units);
  setMark(done, entry.lanes, true);
  return spoiled('overrun', entry, 'more moved than there is room for');
};
