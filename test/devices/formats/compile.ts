import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { cHeader, type AnyDescriptor } from '../../../base/descriptor';

/** Whether there is a compiler, and a header of the kernel's that a test compares with. */
export const canCompare = (header: string): boolean =>
  existsSync(header) && spawnSync('gcc', ['--version']).status === 0;

/** What a compiler says about a file. */
export const compileOnly = (tool: string, file: string, source: string, args: readonly string[]): string => {
  const folder = mkdtempSync(join(tmpdir(), 'formats-'));
  try {
    writeFileSync(join(folder, file), source);
    return spawnSync(tool, [...args, file], { cwd: folder, encoding: 'utf8' }).stderr;
  } finally {
    rmSync(folder, { recursive: true });
  }
};

/** Our struct and members beside the kernel's. */
export type Same = readonly [ours: AnyDescriptor, theirs: string, members: Readonly<Record<string, string>>];

/** Compares structs and constants in C, as static assertions. @param equal expressions of ours and theirs */
export const expectSameInC = (
  include: string,
  descriptors: readonly AnyDescriptor[],
  same: readonly Same[],
  equal: readonly (readonly [ours: string, theirs: string])[],
): void => {
  const structs = same.flatMap(([{ typeName, size }, theirs, members]) => [
    `_Static_assert(sizeof(struct ${typeName}) == sizeof(${theirs}) && sizeof(${theirs}) == ${size}, "size");`,
    ...Object.entries(members).map(
      ([our, their]) =>
        `_Static_assert(offsetof(struct ${typeName}, ${our}) == offsetof(${theirs}, ${their}), "${our}");`,
    ),
  ]);
  const others = equal.map(([our, their]) => `_Static_assert(${our} == ${their}, "${their}");`);
  const source = ['#include <stddef.h>', include, cHeader('ours', descriptors), ...structs, ...others, ''].join('\n');
  const args = ['-std=gnu11', '-Wall', '-Werror', '-fsyntax-only'];
  expect(compileOnly('gcc', 'same.c', source, args)).to.equal('');
};
