const wrapLine = (text: string, width: number): string[] => {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
};

/**
 * Text wrapped to a width, each line behind `indent`, the first behind `first`. Control characters other than line ends,
 * which could disturb a terminal, are left out; lines that are indented already are not wrapped.
 */
export const paragraph = (text: string, width: number, indent: string, first = indent): string => {
  // eslint-disable-next-line no-control-regex -- they are what is removed
  const clean = text.replaceAll(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, ' ').trimEnd();
  const room = width - indent.length;
  const lines = clean.split('\n').flatMap((line) => (line.startsWith(' ') ? [line] : wrapLine(line, room)));
  return lines.map((line, index) => `${index === 0 ? first : indent}${line}`.trimEnd()).join('\n');
};
