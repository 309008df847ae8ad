import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { cHeader, rustStructs, type AnyDescriptor } from '../../../base/descriptor';
import { SHIPPED } from '../../base/descriptor/formats';
import { compileOnly } from './compile';

const ALL: readonly AnyDescriptor[] = [...new Set(SHIPPED.flatMap(({ descriptors }) => descriptors))];

const available = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0;

/** Words of a descriptor with their offsets, those of all shapes among them; without elements of arrays. */
const placesOf = ({ words, placedVariants }: AnyDescriptor): (readonly [path: string, offset: number])[] => {
  const inShapes = (places: AnyDescriptor['placedVariants']): AnyDescriptor['words'] =>
    places.flatMap(({ cases }) =>
      cases.flatMap(({ placement }) => [...placement.words, ...inShapes(placement.variants)]),
    );
  return [...words, ...inShapes(placedVariants)].flatMap(({ path, offset }) =>
    path.includes('[') ? [] : [[path, offset] as const],
  );
};

const typeName = (name: string): string =>
  name.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());

describe('formats that ship: what is generated from them', () => {
  it('compiles as C without a warning, with the same sizes and offsets, those of all shapes included', function () {
    if (!available('gcc')) this.skip();
    const asserted = ALL.flatMap((one) => [
      `_Static_assert(sizeof(struct ${one.typeName}) == ${one.size}, "${one.typeName}");`,
      ...placesOf(one).map(
        ([path, offset]) =>
          `_Static_assert(__builtin_offsetof(struct ${one.typeName}, ${path}) == ${offset}, "${path}");`,
      ),
    ]);
    expect(asserted.length).to.be.above(100);
    const source = [cHeader('all', ALL), ...asserted, ''].join('\n');
    const args = ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-fsyntax-only'];
    expect(compileOnly('gcc', 'all.c', source, args)).to.equal('');
  });

  it('compiles as Rust without a warning, with the same sizes and offsets', function () {
    if (!available('rustc')) this.skip();
    const asserted = ALL.flatMap((one) => [
      `const _: () = assert!(core::mem::size_of::<${typeName(one.typeName)}>() == ${one.size});`,
      ...one.words.flatMap(({ path, offset }) =>
        /[[.]/.test(path)
          ? []
          : [
              `const _: () = assert!(core::mem::offset_of!(${typeName(one.typeName)}, ${path.toLowerCase()}) == ${offset});`,
            ],
      ),
    ]);
    const source = ['#![allow(dead_code)]', rustStructs(ALL), ...asserted, 'fn main() {}', ''].join('\n');
    const args = ['--edition', '2021', '-D', 'warnings', '--emit=metadata'];
    expect(compileOnly('rustc', 'all.rs', source, args)).to.equal('');
  });
});
