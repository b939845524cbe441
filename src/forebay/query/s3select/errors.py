"""What S3 Select refuses, in AWS's codes and words ("List of SELECT Object Content Error Codes", API Reference)."""

from __future__ import annotations

from forebay.errors import QueryFailed

_TEXTS = {
    "AmbiguousFieldName": "Field name matches to multiple fields in the file. Check the SQL expression and the file, and try again.",
    "BadTableName": "The table name in the FROM clause of the SQL expression is not supported: it is S3Object.",
    "CSVParsingError": "Encountered an error parsing the CSV file. Check the file and try again.",
    "CastFailed": "Attempt to convert from one data type to another using CAST failed in the SQL expression.",
    "EvaluatorInvalidArguments": "Incorrect number of arguments in the function call in the SQL expression.",
    "EvaluatorInvalidTimestampFormatPattern": "Invalid time stamp format string in the SQL expression.",
    "EvaluatorTimestampFormatPatternHourClockAmPmMismatch": "Time stamp format pattern contains a 12-hour hour of day format symbol but doesn't also contain an AM/PM field, or it contains a 24-hour hour of day format specifier and contains an AM/PM field in the SQL expression.",
    "EvaluatorUnterminatedTimestampFormatPatternToken": "Time stamp format pattern contains unterminated token in the SQL expression.",
    "ExpressionTooLong": "The SQL expression is too long: The maximum byte-length for the SQL expression is 256 KB.",
    "IllegalSqlFunctionArgument": "Illegal argument was used in the SQL function.",
    "IncorrectSqlFunctionArgumentType": "Incorrect type of arguments in function call in the SQL expression.",
    "IntegerOverflow": "Integer overflow or underflow in the SQL expression.",
    "InvalidColumnIndex": "The column index is invalid. Please check the service documentation and try again.",
    "InvalidCompressionFormat": "The file is not in a supported compression format. Only GZIP and BZIP2 are supported.",
    "InvalidDataType": "The SQL expression contains an invalid data type.",
    "InvalidTableAlias": "The SQL expression contains an invalid table alias.",
    "InvalidTextEncoding": "UTF-8 encoding is required.",
    "JSONParsingError": "Encountered an error parsing the JSON file. Check the file and try again.",
    "LexerInvalidChar": "The SQL expression contains an invalid character.",
    "LexerInvalidIONLiteral": "The SQL expression contains an invalid Ion literal.",
    "LexerInvalidLiteral": "The SQL expression contains an invalid literal.",
    "LikeInvalidInputs": "Invalid argument given to the LIKE clause in the SQL expression.",
    "MissingHeaders": "Some headers in the query are missing from the file. Please check the file and try again.",
    "MultipleDataSourcesUnsupported": "Multiple data sources are not supported.",
    "OverMaxColumn": "The number of columns in the result is greater than the maximum allowable number of columns.",
    "OverMaxParquetBlockSize": "Parquet file is above the max row group size.",
    "OverMaxRecordSize": "The character number in one record is more than our max threshold, maxCharsPerRecord: 1,048,576",
    "ParquetParsingError": "Error parsing Parquet file. Please check the file and try again.",
    "ParseAsteriskIsNotAloneInSelectList": "Other expressions are not allowed in the SELECT list when '*' is used without dot notation in the SQL expression.",
    "ParseCastArity": "The SQL expression CAST has incorrect arity.",
    "ParseEmptySelect": "The SQL expression contains an empty SELECT.",
    "ParseExpectedArgumentDelimiter": "Did not find the expected argument delimiter in the SQL expression.",
    "ParseExpectedDatePart": "Did not find the expected date part in the SQL expression.",
    "ParseExpectedExpression": "Did not find the expected SQL expression.",
    "ParseExpectedIdentForAlias": "Did not find the expected identifier for the alias in the SQL expression.",
    "ParseExpectedKeyword": "Did not find the expected keyword in the SQL expression.",
    "ParseExpectedLeftParenAfterCast": "Did not find the expected left parenthesis after CAST in the SQL expression.",
    "ParseExpectedLeftParenBuiltinFunctionCall": "Did not find the expected left parenthesis in the SQL expression.",
    "ParseExpectedNumber": "Did not find the expected number in the SQL expression.",
    "ParseExpectedRightParenBuiltinFunctionCall": "Did not find the expected right parenthesis character in the SQL expression.",
    "ParseExpectedTokenType": "Did not find the expected token in the SQL expression.",
    "ParseExpectedTypeName": "Did not find the expected type name in the SQL expression.",
    "ParseExpectedWhenClause": "Did not find the expected WHEN clause in the SQL expression.",
    "ParseInvalidPathComponent": "The SQL expression contains an invalid path component.",
    "ParseInvalidTypeParam": "The SQL expression contains an invalid parameter value.",
    "ParseMalformedJoin": "JOIN is not supported in the SQL expression.",
    "ParseSelectMissingFrom": "The SQL expression contains a missing FROM after SELECT list.",
    "ParseUnexpectedKeyword": "The SQL expression contains an unexpected keyword.",
    "ParseUnexpectedOperator": "The SQL expression contains an unexpected operator.",
    "ParseUnexpectedTerm": "The SQL expression contains an unexpected term.",
    "ParseUnexpectedToken": "The SQL expression contains an unexpected token.",
    "ParseUnknownOperator": "The SQL expression contains an invalid operator.",
    "ParseUnsupportedCallWithStar": "Only COUNT with (*) as a parameter is supported in the SQL expression.",
    "ParseUnsupportedSelect": "The SQL expression contains an unsupported use of SELECT.",
    "ParseUnsupportedSyntax": "The SQL expression contains unsupported syntax.",
    "TruncatedInput": "Object decompression failed. Check that the object is properly compressed using the format specified in the request.",
    "UnsupportedFunction": "Encountered an unsupported SQL function.",
    "UnsupportedParquetType": "The specified Parquet type is not supported.",
    "UnsupportedSqlOperation": "Encountered an unsupported SQL operation.",
    "UnsupportedSqlStructure": "Encountered an unsupported SQL structure. Check the SQL Reference.",
}


def refused(code: str, more: str = "") -> QueryFailed:
    """The error of this code: AWS's words, and `more` on what it is about."""
    text = _TEXTS[code]
    return QueryFailed(code, f"{text} {more}" if more else text)
